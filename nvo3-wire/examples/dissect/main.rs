//! A dissector: prints the layers of each frame in pcap and pcapng files.
//!
//! ```sh
//! cargo run -p nvo3-wire --example dissect -- FILE.pcap
//! ```
//!
//! By default it prints one indented line per layer, and the rule for which a receiver would drop the layer. Options:
//!
//! - `--json`: one JSON object per frame;
//! - `--lax`: reads captures that were cut;
//! - `--sir-prefix 2001:db8:1:2::`: the prefix for which ILA addresses stand;
//! - `--vxlan-port 8472`: a second port of VXLAN.

mod capture;
mod json;
mod options;

use nvo3_wire::dissect::Dissect;
use nvo3_wire::ila;
use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::net::Ipv6Addr;
use std::process::ExitCode;

const USAGE: &str = "usage: dissect [--json] [--lax] [--sir-prefix PREFIX] [--vxlan-port PORT] FILE ...";

#[derive(Default)]
struct Arguments {
    json: bool,
    lax: bool,
    sir: Option<ila::Prefix>,
    vxlan_port: Option<u16>,
    files: Vec<String>,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut arguments = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--json" => arguments.json = true,
                "--lax" => arguments.lax = true,
                "--sir-prefix" => arguments.sir = Some(prefix(&words.next().ok_or(USAGE)?)?),
                "--vxlan-port" => arguments.vxlan_port = Some(words.next().ok_or(USAGE)?.parse()?),
                option if option.starts_with('-') => return Err(format!("{option}: unknown\n{USAGE}").into()),
                _ => arguments.files.push(word),
            }
        }
        if arguments.files.is_empty() {
            return Err(USAGE.into());
        }
        Ok(arguments)
    }

    /// `original` is the length of the frame as it was sent, counted from the start of the walk.
    fn options<'a>(&self, walk: Dissect<'a>, original: Option<usize>) -> Dissect<'a> {
        let walk = match original {
            Some(original) if self.lax => walk.captured(original),
            None if self.lax => walk.lax(),
            _ => walk,
        };
        let walk = self.sir.map_or(walk.clone(), |sir| walk.sir_prefix(sir));
        self.vxlan_port.map_or(walk.clone(), |port| walk.vxlan_port(port))
    }
}

/// Reads an address with or without `/64`, or 16 hexadecimal digits.
fn prefix(text: &str) -> Result<ila::Prefix, Box<dyn Error>> {
    if let (16, Ok(bits)) = (text.len(), u64::from_str_radix(text, 16)) {
        return Ok(ila::Prefix(bits.to_be_bytes()));
    }
    let address: Ipv6Addr = text.trim_end_matches("/64").parse().map_err(|_| format!("{text}: not an IPv6 prefix"))?;
    Ok(ila::Address::from(nvo3_wire::Ipv6::from(address)).prefix)
}

/// The original length from the start of the walk, if the capture kept less.
fn original(frame: &capture::Captured, base: usize) -> Option<usize> {
    (frame.original > frame.data.len()).then(|| frame.original - base)
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut out = BufWriter::new(io::stdout().lock());
    for file in &arguments.files {
        let frames = capture::read(file.as_ref()).map_err(|error| format!("{file}: {error}"))?;
        for (number, frame) in (1..).zip(&frames) {
            let len = frame.data.len();
            match capture::start(frame).map(|(walk, base)| (arguments.options(walk, original(frame, base)), base)) {
                Some((walk, base)) if arguments.json => writeln!(out, "{}", json::frame(number, len, base, walk))?,
                Some((walk, base)) => lines(&mut out, number, len, base, walk)?,
                None if arguments.json => writeln!(out, "{}", json::unread(number, len))?,
                None => writeln!(out, "{number}: {len} bytes of link type {}, which is not read", frame.link)?,
            }
        }
    }
    out.flush()?;
    Ok(())
}

/// Prints a line for the frame and one for each layer, with the rule for which a receiver would drop the layer.
fn lines(out: &mut impl Write, number: usize, len: usize, base: usize, walk: Dissect<'_>) -> io::Result<()> {
    writeln!(out, "{number}: {len} bytes")?;
    for (depth, found) in (1..).zip(walk) {
        let indent = "  ".repeat(depth);
        match found {
            Ok(found) => {
                let (offset, kind) = (base + found.offset, found.kind());
                write!(out, "{indent}{offset} {kind}: {}", found.layer)?;
                if let Err(error) = found.validate() {
                    write!(out, " [drop: {}]", error.rule)?;
                }
                if let Some(error) = found.cut {
                    write!(out, " [cut: {}]", error.rule)?;
                }
                writeln!(out)?;
            }
            Err(stop) => {
                let word = if stop.cut { "cut" } else { "broken" };
                writeln!(out, "{indent}{} {}: {word}: {}", base + stop.error.offset, stop.kind, stop.error.rule)?
            }
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let outcome = Arguments::parse(std::env::args().skip(1)).and_then(|arguments| run(&arguments));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has closed the pipe.
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
