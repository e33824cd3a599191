//! Queueing theory: Poisson arrivals, exponential service, several servers, first come first served
//! (M/M/c). The formulas are Erlang's of 1917; any textbook has them.

/// A queue in equilibrium. Times are in the unit of the mean service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Erlang {
    servers: f64,
    /// Calls that come in one mean service.
    offered: f64,
    /// Share of the calls that find all servers busy.
    pub(crate) wait_share: f64,
}

impl Erlang {
    /// So many servers, each busy for `load` of its time.
    pub(crate) fn new(servers: u32, load: f64) -> Self {
        let offered = f64::from(servers) * load;
        // Erlang B, by its recursion over the servers, which loses no digits.
        let blocked = (1..=servers)
            .fold(1.0, |blocked, k| offered * blocked / (f64::from(k) + offered * blocked));
        let wait_share = blocked / (1.0 - load * (1.0 - blocked));
        Self { servers: f64::from(servers), offered, wait_share }
    }

    /// How fast a queue gets shorter while all servers are busy.
    fn slack(&self) -> f64 {
        self.servers - self.offered
    }

    /// Mean time in the queue, of all calls.
    pub(crate) fn mean_wait(&self) -> f64 {
        self.wait_share / self.slack()
    }

    /// Mean time in the queue and with a server.
    pub(crate) fn mean_sojourn(&self) -> f64 {
        self.mean_wait() + 1.0
    }

    /// Share of the calls that wait for longer than `time`.
    pub(crate) fn wait_above(&self, time: f64) -> f64 {
        self.wait_share * (-self.slack() * time).exp()
    }

    /// Share of the calls that are in the queue and with a server for longer than `time`: of those
    /// that wait, the sum of two exponential times; of the others, one.
    pub(crate) fn sojourn_above(&self, time: f64) -> f64 {
        let (slack, alone) = (self.slack(), (-time).exp());
        let both = if (slack - 1.0).abs() < 1e-9 {
            (1.0 + time) * alone
        } else {
            (slack * alone - (-slack * time).exp()) / (slack - 1.0)
        };
        (1.0 - self.wait_share) * alone + self.wait_share * both
    }

    /// The time that `share` of the calls do not exceed in the queue and with a server.
    pub(crate) fn sojourn_quantile(&self, share: f64) -> f64 {
        let (mut low, mut high) = (0.0, 1e6);
        for _ in 0..200 {
            let middle = (low + high) / 2.0;
            if self.sojourn_above(middle) > 1.0 - share { low = middle } else { high = middle }
        }
        high
    }
}

/// One server is the case that can be said without Erlang: waiting has the probability of the load,
/// and the whole time is exponential.
#[test]
fn one_server_is_the_simple_queue() {
    for load in [0.1, 0.5, 0.8, 0.95] {
        let queue = Erlang::new(1, load);
        assert!((queue.wait_share - load).abs() < 1e-12);
        assert!((queue.mean_sojourn() - 1.0 / (1.0 - load)).abs() < 1e-9);
        for time in [0.1_f64, 1.0, 5.0] {
            let expected = (-(1.0 - load) * time).exp();
            assert!((queue.sojourn_above(time) - expected).abs() < 1e-9, "{load} {time}");
        }
        let median = 2.0_f64.ln() / (1.0 - load);
        assert!((queue.sojourn_quantile(0.5) - median).abs() < 1e-6);
    }
}

/// From printed tables of Erlang C: ten servers that are offered eight.
#[test]
fn ten_servers_offered_eight_let_41_of_100_wait() {
    let queue = Erlang::new(10, 0.8);
    assert!((queue.wait_share - 0.409_180_15).abs() < 1e-7, "{}", queue.wait_share);
    let mean = (0..100_000).map(|step| queue.sojourn_above(f64::from(step) * 1e-3) * 1e-3);
    assert!((mean.sum::<f64>() - queue.mean_sojourn()).abs() < 1e-3);
    let mean_wait = (0..100_000).map(|step| queue.wait_above(f64::from(step) * 1e-3) * 1e-3);
    assert!((mean_wait.sum::<f64>() - queue.mean_wait()).abs() < 1e-3);
}
