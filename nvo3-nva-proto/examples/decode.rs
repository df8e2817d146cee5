//! `cargo run -p nvo3-nva-proto --example decode` prints some messages of the NVE–NVA protocol.
//!
//! With `-- HEX …` each argument is one datagram in hexadecimal, for instance the UDP payload that Wireshark copies "as a hex stream".
//! With `-- -` the program reads one datagram per line from standard input. For each message it prints the header, the name and all
//! fields. For a datagram that a receiver refuses it prints the reason and the bytes around the fault, and exits with 1.

use nvo3_nva_proto::{DecodeError, Message, SEAL_LEN};
use std::io::{self, Write};
use std::process::ExitCode;

/// A Query, an Update, a sealed Keepalive, and an Invalidate whose VN is above 2^24 - 1.
const EXAMPLES: [&str; 4] = [
    "01200000 00250000 00000000000000a1 00000009 00000004 00001389 80060005 040a00000a",
    "01240000 006a0000 00000000000000a1 00000009 00000000 00001389 0000000000000410 000000000000041b 000000030000000000000412 01 \
     8008000d 0000000000000001 01 c0000201 8009001c 00 02000000000a 00000000 01 0a00000a 7f 02000000000b 00000008 00",
    "01030118 00300003 00000000000000a1 00000000 00000000 0000000000000007 f33b0584d27f0f50f1087a3d24c9b947",
    "01260000 00360000 0000000000000000 00000000 00000000 01001389 02000000000a 0000000000000001 000000030000000000000412",
];

/// The bytes of a line of hexadecimal digits; spaces between them do not count.
fn bytes(line: &str) -> Result<Vec<u8>, String> {
    let digits: String = line.split_whitespace().collect();
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or_default());
    let is_byte = |pair: &str| pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
    let byte = |pair: &str| is_byte(pair).then(|| u8::from_str_radix(pair, 16).ok()).flatten();
    pairs.map(|pair| byte(pair).ok_or_else(|| format!("{pair:?} is not a byte of two hexadecimal digits"))).collect()
}

/// Takes the seal off a sealed message, so that its body can be read without the key: flags, trailer and key id become 0.
fn unsealed(datagram: &[u8]) -> Option<(Vec<u8>, String)> {
    let (message, seal) = datagram.split_at_checked(datagram.len().checked_sub(SEAL_LEN)?)?;
    let &[version, kind, 1, 24, high, low, key_high, key_low, ref rest @ ..] = message else { return None };
    let length = u16::from_be_bytes([high, low]).checked_sub(24)?;
    let mut plain = vec![version, kind, 0, 0];
    plain.extend(length.to_be_bytes());
    plain.extend([0, 0]);
    plain.extend(rest);
    let number = u64::from_be_bytes(*seal.first_chunk()?);
    let key = u16::from_be_bytes([key_high, key_low]);
    Some((plain, format!(", sealed with key {key} and number {number:#x}; the code was not checked")))
}

/// The bytes around the fault, the one at the fault in brackets.
fn around(datagram: &[u8], error: &DecodeError) -> String {
    let at = usize::try_from(error.offset).unwrap_or(usize::MAX);
    let near = datagram.iter().enumerate().skip(at.saturating_sub(8)).take(17);
    let shown = near.map(|(place, byte)| if place == at { format!("[{byte:02x}]") } else { format!("{byte:02x}") });
    shown.collect::<Vec<_>>().join(" ")
}

/// Each field of a message with its name, as `Debug` writes it.
fn fields(message: &Message) -> Vec<String> {
    let debug = format!("{message:?}");
    let inside = debug.split_once(" { ").and_then(|(_, rest)| rest.strip_suffix(" })"));
    let mut fields = vec![String::new()];
    let mut depth = 0;
    for letter in inside.unwrap_or_default().chars() {
        depth += i32::from("([{".contains(letter)) - i32::from(")]}".contains(letter));
        match fields.last_mut() {
            Some(field) if depth > 0 || letter != ',' => field.push(letter),
            _ => fields.push(String::new()),
        }
    }
    fields.iter().map(|field| field.trim().to_owned()).filter(|field| !field.is_empty()).collect()
}

/// What to print of one line of hexadecimal digits.
///
/// # Errors
/// The same for a line that is no message.
fn decode(line: &str) -> Result<String, String> {
    let datagram = bytes(line)?;
    let (plain, seal) = unsealed(&datagram).unwrap_or((datagram.clone(), String::new()));
    let (header, message) = Message::decode(&plain)
        .map_err(|error| format!("refused as {:?}: {error}\n  {}", error.code(), around(&plain, &error)))?;
    let (length, session) = (datagram.len(), header.session.0);
    let (sequence, transaction) = (header.sequence, header.transaction);
    let head = format!("{length} bytes, session {session:016x}, sequence {sequence}, transaction {transaction}{seal}");
    Ok([vec![message.to_string(), head], fields(&message)].concat().join("\n  "))
}

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let lines: Vec<String> = match arguments.as_slice() {
        [dash] if dash == "-" => io::stdin().lines().collect::<Result<_, _>>()?,
        [] => EXAMPLES.map(str::to_owned).into(),
        given => given.to_vec(),
    };
    let mut code = ExitCode::SUCCESS;
    for line in lines.iter().filter(|line| !line.trim().is_empty()) {
        let said = decode(line);
        if said.is_err() && !arguments.is_empty() {
            code = ExitCode::FAILURE;
        }
        let (Ok(text) | Err(text)) = said;
        writeln!(io::stdout(), "{text}")?;
    }
    Ok(code)
}
