//! The authority's answer for the TSIs of a port that was attached with `active`.

use crate::command::Flags;
use crate::exit::Exit;
use nvoctl::{Port, Reply, Request, What, client};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The longest wait for the authority's answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// The time between two requests for the tables of nved.
const AGAIN: Duration = Duration::from_millis(20);

/// Waits until the authority has answered for each TSI of the port, at most two seconds. Gives the exit code, and a clause for people.
pub(crate) fn wait(flags: &Flags, port: &Port, no_wait: bool) -> (Exit, String) {
    if !port.active {
        return (Exit::Done, "its TSIs are registered once they run here".into());
    }
    if no_wait {
        return (Exit::Done, "registration pending".into());
    }
    let until = flags.until().into_iter().chain([Instant::now() + PATIENCE]).min();
    loop {
        let tables = client::ask(flags.socket(), &Request::Show(What::Tables), until).map(|heard| heard.reply);
        let Ok(Reply::Shown(tables)) = tables else { break };
        let answers: Vec<Answer> =
            port.stations.iter().map(|station| answer(&tables, port, &station.mac.to_string())).collect();
        if let Some(Answer::Refused(why)) = answers.iter().find(|answer| matches!(answer, Answer::Refused(_))) {
            return (Exit::Refused, why.clone());
        }
        if answers.iter().all(|answer| *answer == Answer::Registered) {
            return (Exit::Done, "registered".into());
        }
        if until.is_some_and(|until| Instant::now() + AGAIN >= until) {
            break;
        }
        std::thread::sleep(AGAIN);
    }
    (Exit::Done, "registration pending: the authority has not answered yet".into())
}

#[derive(PartialEq)]
enum Answer {
    Pending,
    Registered,
    Refused(String),
}

/// The answer for one station, by nved's tables.
fn answer(tables: &Value, port: &Port, mac: &str) -> Answer {
    let of_station = |row: &&Value| row["vni"] == port.vni.get() && row["mac"] == mac;
    let Some(row) = tables.as_array().into_iter().flatten().find(of_station) else { return Answer::Pending };
    match (row["refused"].as_str(), row["state"].as_str()) {
        (Some(why), _) => Answer::Refused(format!("the authority refused to register {mac}: {why}")),
        (None, Some("away" | "claiming" | "forwarding") | None) => Answer::Pending,
        (None, Some(_)) => Answer::Registered,
    }
}
