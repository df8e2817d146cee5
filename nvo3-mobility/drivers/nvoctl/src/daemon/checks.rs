//! Checks of settings that both daemons have. Each error is the end of a sentence that begins with the flag and its value.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

/// The longest path of a Unix socket, in bytes (`sun_path`, less the zero at its end).
const LONGEST_PATH: usize = 107;

/// Checks that an address can be a locator or the authority's: one host that other hosts reach by this address.
///
/// # Errors
/// The reason why it cannot.
///
/// ```
/// use nvoctl::daemon::check_host;
///
/// assert_eq!(check_host([198, 51, 100, 1].into()), Ok(()));
/// assert_eq!(check_host([224, 0, 0, 1].into()), Err("a group's address, not the address of one host"));
/// ```
pub fn check_host(address: IpAddr) -> Result<(), &'static str> {
    let v6 = match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) => Some(v6),
    };
    if address.is_unspecified() {
        Err("not the address of one host")
    } else if address.is_multicast() {
        Err("a group's address, not the address of one host")
    } else if address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        Err("the broadcast address, not the address of one host")
    } else if v6.is_some_and(|v6| v6.to_ipv4_mapped().is_some()) {
        Err("an IPv4 address in the form of IPv6; write the IPv4 address")
    } else if v6.is_some_and(|v6| v6.is_unicast_link_local()) {
        Err("a link-local address, which means a host only on one link")
    } else {
        Ok(())
    }
}

/// Checks that addresses are all of this host (127.0.0.0/8, ::1) or none is: hosts do not reach each other's loopback addresses.
///
/// # Errors
/// The first address that does not go with the one before it, and why.
pub fn check_loopback(addresses: impl IntoIterator<Item = IpAddr>) -> Result<(), (IpAddr, String)> {
    let mut addresses = addresses.into_iter();
    let Some(first) = addresses.next() else { return Ok(()) };
    match addresses.find(|address| address.is_loopback() != first.is_loopback()) {
        Some(other) => Err((other, format!("does not reach {first}: only one of both is a loopback address"))),
        None => Ok(()),
    }
}

/// Checks that a daemon can listen at a path: its directory is there, or it is that of `default`, which the daemon makes.
///
/// # Errors
/// The reason why it cannot.
pub fn check_socket(path: &Path, default: &str) -> Result<(), String> {
    if path.file_name().is_none() {
        return Err("not the path of a file".into());
    }
    if path.as_os_str().len() > LONGEST_PATH {
        return Err(format!("the path of a socket has at most {LONGEST_PATH} bytes"));
    }
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    let made = Path::new(default).parent();
    match directory {
        Some(directory) if Some(directory) != made && !directory.is_dir() => {
            Err(format!("there is no directory {}", directory.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_one_host_is_one_that_other_hosts_reach() {
        let check = |text: &&str| check_host(text.parse().unwrap()).is_ok();

        assert!(["192.0.2.1", "127.0.0.1", "10.0.0.255", "2001:db8::1", "fd00::1", "::1"].iter().all(check));
        let wrong =
            ["0.0.0.0", "::", "224.0.0.1", "239.1.1.1", "255.255.255.255", "ff02::1", "::ffff:192.0.2.1", "fe80::1"];
        assert!(!wrong.iter().any(check));
    }

    #[test]
    fn loopback_addresses_go_with_each_other_only() {
        let check = |texts: &[&str]| check_loopback(texts.iter().map(|text| text.parse().unwrap()));

        assert_eq!([check(&["127.0.0.1", "::1"]), check(&["192.0.2.1", "2001:db8::1"]), check(&[])], [(); 3].map(Ok));
        let (address, why) = check(&["127.0.0.1", "192.0.2.1"]).unwrap_err();
        assert_eq!(
            format!("{address} {why}"),
            "192.0.2.1 does not reach 127.0.0.1: only one of both is a loopback address"
        );
    }

    #[test]
    fn a_socket_is_in_a_directory_that_is_there_or_in_the_default_one() {
        let check = |path: &str| check_socket(path.as_ref(), "/no-such-directory/default/a.sock");

        assert_eq!(
            [check("a.sock"), check("/tmp/a.sock"), check("/no-such-directory/default/b.sock")],
            [const { Ok(()) }; 3]
        );
        assert_eq!(check("/no-such-directory/a.sock"), Err("there is no directory /no-such-directory".into()));
        assert_eq!(check("/"), Err("not the path of a file".into()));
        assert!(check(&format!("/tmp/{}", "a".repeat(103))).is_err());
    }
}
