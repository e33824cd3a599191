//! How much load when: a level over time, made of ramps and holds. Pure.

use std::time::Duration;

/// One part of a shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// The level that it has, or that it ends with.
    pub level: f64,
    /// How long it lasts.
    pub lasts: Duration,
    /// Whether it goes there in a straight line from the level before, which is 0 at first;
    /// otherwise it is there at once.
    pub ramps: bool,
}

/// A level over time, such as users or arrivals per second: straight lines, one after the other.
/// Finite and never negative.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    pieces: Vec<Piece>,
}

/// One straight line. Seconds from the start of the shape; the last one may have no end.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Piece {
    begins: f64,
    lasts: f64,
    from: f64,
    to: f64,
    /// The area under everything before it.
    before: f64,
}

impl Shape {
    /// The same level for ever.
    pub fn constant(level: f64) -> Self {
        let level = level.max(0.0);
        let forever =
            Piece { begins: 0.0, lasts: f64::INFINITY, from: level, to: level, before: 0.0 };
        Self { pieces: vec![forever] }
    }

    /// Stages in their order; those without a length are jumps. Beyond the last the level is 0.
    pub fn of(stages: &[Stage]) -> Self {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut level: f64 = 0.0;
        for stage in stages {
            let from = if stage.ramps { level } else { stage.level };
            level = stage.level;
            if !stage.lasts.is_zero() {
                let (begins, before) = pieces.last().map_or((0.0, 0.0), Piece::end);
                let lasts = stage.lasts.as_secs_f64();
                pieces.push(Piece { begins, lasts, from, to: stage.level, before });
            }
        }
        Self { pieces }
    }

    /// What is left of it from a moment on, after its level there was held for a while first.
    #[must_use]
    pub fn onward(&self, at: Duration, held: Duration) -> Self {
        let level = self.level(at);
        let at = at.as_secs_f64();
        let mut pieces: Vec<Piece> = Vec::new();
        let mut push = |lasts: f64, from: f64, to: f64| {
            if lasts > 0.0 {
                let (begins, before) = pieces.last().map_or((0.0, 0.0), Piece::end);
                pieces.push(Piece { begins, lasts, from, to, before });
            }
        };
        push(held.as_secs_f64(), level, level);
        for piece in self.pieces.iter().filter(|piece| piece.end().0 > at) {
            let gone = (at - piece.begins).max(0.0);
            push(piece.lasts - gone, piece.level(gone), piece.to);
        }
        Self { pieces }
    }

    /// So many times as high everywhere.
    #[must_use]
    pub fn times(&self, factor: f64) -> Self {
        let higher = |piece: &Piece| Piece {
            from: piece.from * factor,
            to: piece.to * factor,
            before: piece.before * factor,
            ..*piece
        };
        Self { pieces: self.pieces.iter().map(higher).collect() }
    }

    /// How long it lasts; none if it has no end.
    pub fn length(&self) -> Option<Duration> {
        match self.pieces.last() {
            None => Some(Duration::ZERO),
            Some(last) => Duration::try_from_secs_f64(last.end().0).ok(),
        }
    }

    /// The highest level.
    pub fn peak(&self) -> f64 {
        self.pieces.iter().fold(0.0, |peak, piece| peak.max(piece.from).max(piece.to))
    }

    /// The level at a moment; 0 beyond the end.
    pub fn level(&self, at: Duration) -> f64 {
        let at = at.as_secs_f64();
        self.piece_at(at).map_or(0.0, |piece| piece.level(at - piece.begins))
    }

    /// The area under the shape up to a moment: of a rate, how many arrivals there are to be.
    pub fn area(&self, until: Duration) -> f64 {
        let until = until.as_secs_f64();
        match self.piece_at(until) {
            Some(piece) => piece.before + piece.area(until - piece.begins),
            None => self.total(),
        }
    }

    /// The area under all of it.
    pub fn total(&self) -> f64 {
        self.pieces.last().map_or(0.0, |last| last.end().1)
    }

    /// Its straight lines in their order, cut at a moment: when each begins and how long it lasts, in seconds,
    /// and its level at its beginning and its end.
    pub fn lines(&self, until: Duration) -> impl Iterator<Item = [f64; 4]> + '_ {
        let until = until.as_secs_f64();
        self.pieces.iter().filter(move |piece| piece.begins < until).map(move |piece| {
            let lasts = piece.lasts.min(until - piece.begins);
            [piece.begins, lasts, piece.from, piece.level(lasts)]
        })
    }

    /// The last moment up to which the area is no more than `area`: when its next bit begins. None
    /// when there is no more.
    pub fn when(&self, area: f64) -> Option<Duration> {
        let piece = self.pieces.iter().find(|piece| piece.end().1 > area)?;
        let at = piece.begins + piece.reach(area - piece.before);
        Duration::try_from_secs_f64(at).ok()
    }

    /// The first moment from `after` on at which the level is above `level`; none if it never is
    /// again.
    pub fn exceeds(&self, level: f64, after: Duration) -> Option<Duration> {
        let after = after.as_secs_f64();
        let later = self.pieces.iter().filter(|piece| piece.end().0 > after);
        let at = later.filter_map(|piece| piece.exceeds(level, after)).next()?;
        Duration::try_from_secs_f64(at).ok()
    }

    fn piece_at(&self, at: f64) -> Option<&Piece> {
        self.pieces.iter().find(|piece| at < piece.end().0)
    }
}

/// Beyond the crossing itself, at which the level is just reached.
const BEYOND: f64 = 1e-6;

impl Piece {
    /// When it ends, and the area up to there.
    fn end(&self) -> (f64, f64) {
        let area = if self.is_level() && self.from == 0.0 { 0.0 } else { self.area(self.lasts) };
        (self.begins + self.lasts, self.before + area)
    }

    fn is_level(&self) -> bool {
        self.from == self.to
    }

    /// How much the level changes in a second.
    fn slope(&self) -> f64 {
        if self.is_level() { 0.0 } else { (self.to - self.from) / self.lasts }
    }

    fn level(&self, since: f64) -> f64 {
        self.from + if self.is_level() { 0.0 } else { self.slope() * since }
    }

    /// The area under its first seconds.
    fn area(&self, since: f64) -> f64 {
        if self.is_level() {
            self.from * since
        } else {
            self.from.mul_add(since, self.slope() / 2.0 * since * since)
        }
    }

    /// After how many seconds its own area is `area`: the root of `from·x + slope/2·x² = area`, in
    /// the form that does not lose digits where the line is almost level.
    fn reach(&self, area: f64) -> f64 {
        if area <= 0.0 {
            return 0.0;
        }
        let root = 2.0_f64.mul_add(self.slope() * area, self.from * self.from).max(0.0).sqrt();
        (2.0 * area / (self.from + root)).min(self.lasts)
    }

    /// When its level is above `level`, not before `after`.
    fn exceeds(&self, level: f64, after: f64) -> Option<f64> {
        let begins = after.max(self.begins);
        if self.level(begins - self.begins) > level {
            return Some(begins);
        }
        let crossing = self.begins + (level - self.from) / self.slope() + BEYOND;
        (self.to > level && self.slope() > 0.0).then_some(crossing.max(begins))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn ramp(level: f64, seconds: u64) -> Stage {
        Stage { level, lasts: s(seconds), ramps: true }
    }

    fn hold(level: f64, seconds: u64) -> Stage {
        Stage { level, lasts: s(seconds), ramps: false }
    }

    #[test]
    fn lines_are_told_up_to_a_moment() {
        let shape = Shape::of(&[ramp(10.0, 10), hold(50.0, 5)]);
        let lines = |until| shape.lines(s(until)).collect::<Vec<_>>();
        assert_eq!(lines(99), [[0.0, 10.0, 0.0, 10.0], [10.0, 5.0, 50.0, 50.0]]);
        assert_eq!(lines(4), [[0.0, 4.0, 0.0, 4.0]]);
        let years = Shape::constant(2.0);
        assert_eq!(
            years.lines(s(1 << 40)).collect::<Vec<_>>(),
            [[0.0, (1_u64 << 40) as f64, 2.0, 2.0]]
        );
    }

    #[test]
    fn ramps_start_where_the_stage_before_ended_and_holds_jump() {
        let shape = Shape::of(&[ramp(10.0, 10), hold(10.0, 5), hold(50.0, 5), ramp(0.0, 10)]);
        assert_eq!((shape.length(), shape.peak()), (Some(s(30)), 50.0));
        for (at, level, area) in
            [(0, 0.0, 0.0), (5, 5.0, 12.5), (12, 10.0, 70.0), (15, 50.0, 100.0), (25, 25.0, 537.5)]
        {
            assert_eq!((shape.level(s(at)), shape.area(s(at))), (level, area), "{at} s");
        }
        assert_eq!((shape.level(s(30)), shape.total(), shape.area(s(99))), (0.0, 600.0, 600.0));
    }

    #[test]
    fn a_part_of_it_has_that_part_of_its_level_and_its_area() {
        let shape = Shape::of(&[ramp(10.0, 10), hold(50.0, 5)]);
        let quarter = shape.times(0.25);
        assert_eq!(
            (quarter.level(s(5)), quarter.level(s(12)), quarter.area(s(10))),
            (1.25, 12.5, 12.5)
        );
        assert_eq!((quarter.total(), quarter.length()), (shape.total() / 4.0, shape.length()));
    }

    #[test]
    fn a_constant_has_no_end() {
        let shape = Shape::constant(20.0);
        assert_eq!((shape.length(), shape.level(s(1 << 30))), (None, 20.0));
        assert_eq!(shape.when(7200.0 * 20.0), Some(s(7200)));
        assert_eq!(Shape::constant(0.0).when(0.0), None);
    }

    #[test]
    fn a_pause_is_jumped_over() {
        let shape = Shape::of(&[hold(0.0, 4), hold(2.0, 3), hold(0.0, 10), ramp(4.0, 2)]);
        assert_eq!(shape.when(0.0), Some(s(4)));
        assert_eq!(shape.when(6.0), Some(s(17)));
        assert_eq!(shape.when(7.0), Some(s(18)));
        assert_eq!(shape.when(shape.total()), None);
    }

    #[test]
    fn a_user_is_let_in_when_the_level_rises_above_its_number_and_again_after_a_dip() {
        let shape = Shape::of(&[ramp(4.0, 4), hold(1.0, 2), ramp(4.0, 3), hold(2.0, 1)]);
        let when = |user: f64, after| shape.exceeds(user, after).map(|at| at.as_millis());
        assert_eq!(when(0.0, s(0)), Some(0));
        assert_eq!(when(3.0, s(0)), Some(3000));
        assert_eq!(when(3.0, s(4)), Some(8000));
        assert_eq!(when(0.0, s(5)), Some(5000));
        assert_eq!(when(1.0, s(9)), Some(9000));
        assert_eq!(when(4.0, s(0)), None);
        assert_eq!(when(2.0, s(9)), None);
    }

    proptest! {
        #[test]
        fn when_is_the_inverse_of_the_area(
            stages in proptest::collection::vec((0u32..1000, 0u64..100, any::<bool>()), 1..6),
            part in 0.0f64..1.0,
        ) {
            let stages: Vec<_> = stages
                .into_iter()
                .map(|(level, seconds, ramps)| Stage { level: f64::from(level), lasts: s(seconds), ramps })
                .collect();
            let shape = Shape::of(&stages);
            let area = shape.total() * part;
            match shape.when(area) {
                None => prop_assert!(area >= shape.total()),
                Some(at) => {
                    prop_assert!(at <= shape.length().unwrap());
                    let off = (shape.area(at) - area).abs();
                    prop_assert!(off < 1e-6 * shape.total().max(1.0), "{at:?} {off}");
                }
            }
        }

        #[test]
        fn whoever_is_let_in_is_let_in_at_that_very_moment(
            stages in proptest::collection::vec((0u32..50, 1u64..100, any::<bool>()), 1..6),
            user in 0u32..50,
            after in 0u64..500,
        ) {
            let stages: Vec<_> = stages
                .into_iter()
                .map(|(level, seconds, ramps)| Stage { level: f64::from(level), lasts: s(seconds), ramps })
                .collect();
            let (shape, user) = (Shape::of(&stages), f64::from(user));
            match shape.exceeds(user, s(after)) {
                Some(at) => prop_assert!(at >= s(after) && shape.level(at) > user, "{at:?}"),
                None => for tenth in after * 10..6000 {
                    prop_assert!(shape.level(Duration::from_millis(tenth * 100)) <= user);
                },
            }
        }
    }

    #[test]
    fn what_is_left_has_the_levels_of_the_whole_after_a_hold() {
        let shape = Shape::of(&[ramp(10.0, 10), hold(10.0, 5), hold(50.0, 5), ramp(0.0, 10)]);
        for at in [0, 4, 10, 15, 17, 25] {
            let left = shape.onward(s(at), s(3));
            assert_eq!(left.length(), Some(s(30 - at + 3)));
            assert_eq!(
                (left.level(s(0)), left.level(s(2))),
                (shape.level(s(at)), shape.level(s(at)))
            );
            for later in at..30 {
                let (of_left, of_whole) = (left.level(s(later - at + 3)), shape.level(s(later)));
                assert!((of_left - of_whole).abs() < 1e-9, "{at} {later}: {of_left} {of_whole}");
            }
            let held = shape.level(s(at)) * 3.0;
            assert!((left.total() - held - (shape.total() - shape.area(s(at)))).abs() < 1e-9);
        }
        assert_eq!(shape.onward(s(31), s(0)).length(), Some(s(0)));
        let constant = Shape::constant(7.0).onward(s(9), s(2));
        assert_eq!(
            (constant.length(), constant.level(s(1)), constant.level(s(99))),
            (None, 7.0, 7.0)
        );
    }
}
