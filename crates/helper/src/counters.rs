//! Bytes and packets of an interface, from `/proc/net/dev` (proc(5)).

use adit_api::Counters;

/// The counters of `interface` in this thread's network namespace.
pub(crate) fn read(interface: &str) -> Option<Counters> {
    parse(&std::fs::read_to_string("/proc/thread-self/net/dev").ok()?, interface)
}

fn parse(text: &str, interface: &str) -> Option<Counters> {
    let line = |line: &str| -> Option<Vec<u64>> {
        let (name, numbers) = line.split_once(':')?;
        (name.trim() == interface)
            .then(|| numbers.split_whitespace().filter_map(|number| number.parse().ok()).collect())
    };
    let numbers = text.lines().find_map(line)?;
    let [rx_bytes, rx_packets, _, rx_dropped, _, _, _, _, tx_bytes, tx_packets, _, tx_dropped, ..] =
        numbers[..]
    else {
        return None;
    };
    Some(Counters { rx_bytes, tx_bytes, rx_packets, tx_packets, rx_dropped, tx_dropped })
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: X-11
    #[test]
    fn the_line_of_the_interface_is_read() {
        let text = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1 2 0 0 0 0 0 0 1 2 0 0 0 0 0 0
 adit0: 10 20 30 40 50 60 70 80 90 100 110 120 130 140 150 160
";
        let counters = parse(text, "adit0").unwrap();
        assert_eq!((counters.rx_bytes, counters.rx_packets, counters.rx_dropped), (10, 20, 40));
        assert_eq!((counters.tx_bytes, counters.tx_packets, counters.tx_dropped), (90, 100, 120));
        assert_eq!(parse(text, "adit1"), None);
    }
}
