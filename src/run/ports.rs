//! Ephemeral ports: how many there are, and how many of them the busiest pair of addresses holds.

use std::collections::HashMap;
use std::fs;
use std::ops::RangeInclusive;

/// State of a socket that is closed and keeps its port for a minute, in `/proc/net/tcp`.
const TIME_WAIT: &str = "06";

/// Ports for outgoing connections, on one machine.
#[derive(Debug)]
pub struct Ports {
    range: Option<RangeInclusive<u16>>,
    reuse: Reuse,
}

/// Which closed connections give their port back at once (`tcp_tw_reuse`, ip-sysctl).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reuse {
    None,
    Loopback,
    All,
}

impl Ports {
    /// The range of this machine, as far as it tells.
    pub fn of_machine() -> Self {
        let read = |name: &str| fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).ok();
        let reuse = match read("tcp_tw_reuse").as_deref().map(str::trim) {
            Some("1") => Reuse::All,
            Some("2") => Reuse::Loopback,
            _ => Reuse::None,
        };
        Self { range: read("ip_local_port_range").as_deref().and_then(range_of), reuse }
    }

    /// How many there are.
    pub fn number(&self) -> Option<u64> {
        let range = self.range.as_ref()?;
        Some(u64::from(range.end() - range.start()) + 1)
    }

    /// How many of them the pair of a local and a remote address holds that holds most, those not
    /// given back yet included: a port can be used once for each such pair.
    pub fn in_use(&self) -> Option<u64> {
        let range = self.range.as_ref()?;
        let mut most = None;
        for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
            if let Ok(text) = fs::read_to_string(table) {
                most = most.max(Some(busiest(&text, range, self.reuse)));
            }
        }
        most
    }
}

fn range_of(text: &str) -> Option<RangeInclusive<u16>> {
    let mut numbers = text.split_ascii_whitespace().map(str::parse);
    let (first, last) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    (first <= last).then_some(first..=last)
}

/// The most connections of any pair of a local address and a remote address with its port, whose
/// local port is in the range.
fn busiest(table: &str, range: &RangeInclusive<u16>, reuse: Reuse) -> u64 {
    let mut pairs: HashMap<(&str, &str), u64> = HashMap::new();
    for line in table.lines().skip(1) {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (Some(local), Some(remote), Some(state)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let Some((address, port)) = local.split_once(':') else { continue };
        let port = u16::from_str_radix(port, 16).unwrap_or(0);
        let listens = remote.ends_with(":0000");
        let given_back = state == TIME_WAIT
            && (reuse == Reuse::All || (reuse == Reuse::Loopback && is_loopback(address)));
        if range.contains(&port) && !listens && !given_back {
            *pairs.entry((address, remote)).or_default() += 1;
        }
    }
    pairs.into_values().max().unwrap_or(0)
}

/// Addresses are words of the machine's byte order in hexadecimal; 127.0.0.0/8, also inside ::ffff,
/// and ::1 on little-endian machines.
fn is_loopback(address: &str) -> bool {
    match address.len() {
        8 => address.ends_with("7F"),
        _ => {
            address == "00000000000000000000000001000000"
                || (address.starts_with("0000000000000000FFFF0000") && address.ends_with("7F"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two to one server, one of them closed; one to another; the server's side of one; a listener.
    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:22CE 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0
   1: 0A00020A:9C40 08080808:01BB 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0
   2: 0A00020A:9C41 08080808:01BB 06 00000000:00000000 00:00000000 00000000     0        0 0 3 0
   3: 0A00020A:9C42 04040404:01BB 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0
   4: 0100007F:22CE 0100007F:9C43 01 00000000:00000000 00:00000000 00000000     0        0 4 1 0
   5: 0100007F:9C43 0100007F:22CE 06 00000000:00000000 00:00000000 00000000     0        0 0 3 0
   6: 0100007F:9C44 0100007F:22CE 06 00000000:00000000 00:00000000 00000000     0        0 0 3 0
   7: 0100007F:9C45 0100007F:22CE 06 00000000:00000000 00:00000000 00000000     0        0 0 3 0
";

    #[test]
    fn ports_are_counted_where_they_run_out() {
        let range = range_of("32768\t60999\n").unwrap();
        assert_eq!(range, 32768..=60999);
        for (reuse, most) in [(Reuse::None, 3), (Reuse::Loopback, 2), (Reuse::All, 1)] {
            assert_eq!(busiest(TABLE, &range, reuse), most, "{reuse:?}");
        }
        assert_eq!(busiest("what?\n  0: x y\n", &range, Reuse::None), 0);
        for text in ["", "5", "9 5", "a b"] {
            assert_eq!(range_of(text), None, "{text}");
        }
    }

    #[test]
    fn a_machine_that_does_not_tell_its_range_has_no_numbers() {
        let ports = Ports { range: None, reuse: Reuse::None };
        assert_eq!((ports.number(), ports.in_use()), (None, None));
    }
}
