//! Taking verdicts back for what no figure of a run can tell.

use super::found::{Change, Comparison, Row, Verdict};

impl Comparison {
    /// Takes every verdict back, for reasons that are said first: a run that says nothing about the
    /// tenant, or that met another flow half way. Figures and intervals stay as a description; what was
    /// made of them is no reason any more. Without reasons nothing changes.
    pub fn withhold(&mut self, mut reasons: Vec<String>) {
        if reasons.is_empty() {
            return;
        }
        let is_tested = |row: &Row| row.changes.iter().any(|change| change.p.is_some());
        if !self.journeys.iter().any(is_tested) {
            // Nothing was claimed, for reasons that still hold.
            reasons.append(&mut self.reasons);
        }
        self.verdict = Verdict::CannotTell;
        self.reasons = reasons;
        let rows = self.journeys.iter_mut().chain(&mut self.steps).chain(&mut self.capabilities);
        rows.for_each(Row::withhold);
    }
}

impl Row {
    fn withhold(&mut self) {
        self.verdict = self.verdict.map(|_| Verdict::CannotTell);
        self.changes.iter_mut().for_each(Change::withhold);
    }
}

impl Change {
    /// More of the same would not help either.
    fn withhold(&mut self) {
        self.verdict = self.verdict.map(|_| Verdict::CannotTell);
        (self.minutes_needed, self.runs_needed) = (None, None);
        (self.p, self.p_corrected) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::super::found::{Design, MethodFound, Metric, SCHEMA_VERSION, Side};
    use super::*;

    fn comparison() -> Comparison {
        let change = |verdict| Change {
            metric: Metric::P95,
            baseline: Some(100e3),
            candidate: Some(130e3),
            change: Some(0.3),
            low: Some(0.25),
            high: Some(0.35),
            margin: 0.05,
            p: Some(1e-6),
            p_corrected: Some(1e-6),
            verdict,
            minutes_needed: Some(3.0),
            runs_needed: None,
        };
        let row = |verdict| Row {
            journey: Some("sign-on".to_owned()),
            step: None,
            capability: None,
            event: None,
            action: None,
            verdict,
            baseline_samples: Some(10),
            candidate_samples: Some(10),
            changes: vec![change(verdict)],
        };
        let side = || Side { label: String::new(), runs: Vec::new() };
        Comparison {
            schema_version: SCHEMA_VERSION,
            verdict: Verdict::Worse,
            reasons: vec!["p95 of `sign-on`".to_owned()],
            baseline: side(),
            candidate: side(),
            method: MethodFound {
                design: Design::Paired,
                margin: 0.05,
                floor_us: 1000.0,
                fault_margin: 0.005,
                confidence: 0.95,
                resamples: 100,
                seed: 1,
                spread_runs: 1,
                metrics: vec![Metric::P95],
            },
            mismatches: Vec::new(),
            journeys: vec![row(Some(Verdict::Worse))],
            steps: vec![row(None)],
            capabilities: Vec::new(),
        }
    }

    #[test]
    fn for_a_reason_every_verdict_is_taken_back_and_every_figure_stays() {
        let mut found = comparison();
        found.withhold(vec!["run `a` is invalid".to_owned()]);
        assert_eq!(found.verdict, Verdict::CannotTell);
        assert_eq!(found.reasons, ["run `a` is invalid"], "nothing is said to be worse any more");
        let [journey, step] = [&found.journeys[0], &found.steps[0]];
        assert_eq!((journey.verdict, step.verdict), (Some(Verdict::CannotTell), None));
        assert_eq!(journey.changes[0].verdict, Some(Verdict::CannotTell));
        assert_eq!(
            (journey.changes[0].minutes_needed, journey.changes[0].change),
            (None, Some(0.3))
        );
    }

    #[test]
    fn where_nothing_was_claimed_the_reasons_for_that_still_hold() {
        let mut found = comparison();
        found.journeys[0].changes[0].p = None;
        found.reasons = vec!["one run of each side".to_owned()];
        found.withhold(vec!["run `a` was disturbed".to_owned()]);
        assert_eq!(found.reasons, ["run `a` was disturbed", "one run of each side"]);
    }

    #[test]
    fn without_a_reason_nothing_changes() {
        let mut found = comparison();
        found.withhold(Vec::new());
        assert_eq!(found, comparison());
    }
}
