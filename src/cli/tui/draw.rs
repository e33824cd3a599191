//! Draws the terminal view: from plain values to cells, and nothing else.

use super::keys::KEYS;
use super::view::{Dot, LATE, Now, Row, View};
use crate::analysis::threshold::{AT_THE_END, NO_SAMPLES};
use crate::measure::timeline::Percentiles;
use crate::report::columns::{clean, width};
use crate::report::faults::counted;
use crate::report::figures;
use crate::report::paint::{Paint, Style};
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style as Look};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Clear, LineGauge, Paragraph, Sparkline, Table};
use std::time::Duration;

/// Less than this has no room for anything but the main figures.
const SMALLEST: (u16, u16) = (60, 14);

/// From this height on there are sparklines.
const HIGH: u16 = 22;

/// From this width on the table has the times of late and so far.
const WIDE: u16 = 112;

/// From this height on the sparklines are larger.
const VERY_HIGH: u16 = 32;

/// How wide the column of rates is.
const RATES: u16 = 34;

/// Most rows that the thresholds take.
const MOST_THRESHOLDS: usize = 6;

/// Draws all of it.
pub(super) fn draw(view: &View, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return small(view, frame, area);
    }
    let thresholds = view.now.as_ref().map_or(0, |now| now.thresholds.len().min(MOST_THRESHOLDS));
    let sparks = match area.height {
        VERY_HIGH.. => 10,
        HIGH.. => 5,
        _ => 1,
    };
    let rows = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(1),
        Constraint::Length(3),
        Constraint::Length(sparks),
        Constraint::Min(2),
        Constraint::Length(u16::try_from(thresholds).unwrap_or(0)),
        Constraint::Length(4),
    ]);
    let [head, about, key_figures, charts, table, rules, foot] = rows.areas(area);
    self::head(view, frame, head);
    if let Some(now) = &view.now {
        let faults = if now.is_warming_up { "of the warm-up" } else { "so far" };
        let text = format!("rates and times of the last {LATE} s, faults {faults}");
        frame.render_widget(Paragraph::new(Line::from(span(view, Style::Faint, text))), about);
    }
    figures_of(view, frame, key_figures);
    if let (Some(now), true) = (&view.now, charts.height > 1) {
        sparklines(view, now, frame, charts);
    }
    journeys(view, frame, table);
    thresholds_of(view, frame, rules);
    self::foot(view, frame, foot);
    if view.is_helping {
        help(view, frame, area);
    }
}

/// How a piece of text looks. No text needs its colour to be understood.
fn look(view: &View, style: Style) -> Look {
    let plain = Look::default();
    let look = match style {
        Style::Plain => plain,
        Style::Strong => plain.add_modifier(Modifier::BOLD),
        Style::Faint => plain.add_modifier(Modifier::DIM),
        Style::Good => plain.fg(Color::Green),
        Style::Bad => plain.fg(Color::Red).add_modifier(Modifier::BOLD),
        Style::Hint => plain.fg(Color::Cyan),
    };
    if view.paint == Paint::Plain { Look { fg: None, ..look } } else { look }
}

fn span(view: &View, style: Style, text: impl AsRef<str>) -> Span<'static> {
    Span::styled(clean(text.as_ref()), look(view, style))
}

/// What there is to say where there is no room.
fn small(view: &View, frame: &mut Frame<'_>, area: Rect) {
    let mut lines = vec![Line::from(format!("{}  {}", clock(view), view.phase()))];
    if let Some(now) = &view.now {
        lines.push(Line::from(format!(
            "{}/s of {}/s  {} users",
            figures::rate(now.completed_per_s),
            figures::rate(now.offered_per_s),
            now.users
        )));
        let p95 = figures::time_or_none(now.response.map(|response| response.p95));
        lines.push(Line::from(format!("p95 {p95}  faults {}", now.faults.total())));
    }
    if let Some(answer) = view.answer {
        lines.push(Line::from(answer));
    }
    lines.push(Line::from("q stop"));
    frame.render_widget(Paragraph::new(lines), area);
}

fn clock(view: &View) -> String {
    let elapsed = figures::clock(view.elapsed.unwrap_or_default());
    match (view.facts.closes, view.facts.iterations, &view.now) {
        (Some(closes), ..) => format!("{elapsed} of {}", figures::clock(closes)),
        (None, Some(all), Some(now)) => format!("{elapsed}  {} of {all}", now.due),
        (None, ..) => elapsed,
    }
}

fn head(view: &View, frame: &mut Frame<'_>, area: Rect) {
    let [title, gauge] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(1)]).areas(area);
    let phase = view.phase();
    let right = format!("{phase}  {}", clock(view));
    let style = if view.stops > 0 { Style::Bad } else { Style::Strong };
    let [left, right_area] =
        Layout::horizontal([Constraint::Min(0), Constraint::Length(columns(&right))]).areas(title);
    let name = Line::from(vec![
        span(view, Style::Strong, "gander "),
        span(view, Style::Plain, &view.facts.run),
        span(view, Style::Faint, format!("  {}", view.facts.tenant)),
    ]);
    frame.render_widget(Paragraph::new(name), left);
    frame.render_widget(Paragraph::new(Line::from(span(view, style, right))), right_area);
    if let Some(progress) = view.progress() {
        let bar = LineGauge::default()
            .ratio(progress)
            .label(format!("{:>3.0} %", (progress * 100.0).floor()))
            .filled_symbol("━")
            .unfilled_symbol("─")
            .filled_style(look(view, Style::Good))
            .unfilled_style(look(view, Style::Faint));
        frame.render_widget(bar, gauge);
    }
}

/// Two columns of label and figure.
fn figures_of(view: &View, frame: &mut Frame<'_>, area: Rect) {
    let [left, right] =
        Layout::horizontal([Constraint::Length(RATES), Constraint::Min(0)]).areas(area);
    let Some(now) = &view.now else {
        let text = match view.facts.is_open {
            true => format!("{} users are being launched, ready for arrivals", view.facts.users),
            false => format!("{} users are being launched", view.facts.users),
        };
        frame.render_widget(Paragraph::new(Line::from(span(view, Style::Faint, text))), area);
        return;
    };
    let labelled = |label: &str, rest: Vec<Span<'static>>| {
        let mut spans = vec![span(view, Style::Faint, format!("{label:<10}"))];
        spans.extend(rest);
        Line::from(spans)
    };
    let strong = |text: String| span(view, Style::Strong, text);
    let pace = |per_s: f64| strong(format!("{}/s", figures::rate(per_s)));
    let lines = vec![
        labelled("rate", rate(view)),
        labelled("offered", vec![pace(now.offered_per_s)]),
        labelled("completed", vec![pace(now.completed_per_s)]),
    ];
    frame.render_widget(Paragraph::new(lines), left);
    let users = strong(format!("{} of {}", now.users, view.facts.users));
    let lines = vec![
        labelled("users", vec![users]),
        labelled("faults", faults(view, now)),
        labelled("response", vec![strong(percentiles(now.response))]),
    ];
    frame.render_widget(Paragraph::new(lines), right);
}

fn rate(view: &View) -> Vec<Span<'static>> {
    let Some(rate) = view.rate else {
        return vec![span(view, Style::Faint, "users in turn (closed)")];
    };
    let holds = format!("{}/s", figures::rate(rate.holds()));
    let planned = figures::rate(rate.planned);
    let rest = match (rate.is_paused, rate.factor) {
        (true, _) => format!("  PAUSED of {planned}/s"),
        (false, 1.0) => "  as planned".to_owned(),
        (false, factor) => format!("  ×{} of {planned}/s", (factor * 100.0).round() / 100.0),
    };
    let style = if rate.is_paused || rate.factor != 1.0 { Style::Hint } else { Style::Faint };
    vec![span(view, Style::Strong, holds), span(view, style, rest)]
}

fn faults(view: &View, now: &Now) -> Vec<Span<'static>> {
    let style = if now.faults.is_empty() { Style::Good } else { Style::Bad };
    let mut spans = vec![span(view, style, now.faults.total().to_string())];
    if !now.faults.is_empty() {
        spans.push(span(view, Style::Plain, format!("  {}", counted(&now.faults).join(", "))));
    }
    spans
}

fn percentiles(times: Option<Percentiles>) -> String {
    let [p50, p95, p99] = three(times);
    format!("p50 {p50}  p95 {p95}  p99 {p99}")
}

fn three(times: Option<Percentiles>) -> [String; 3] {
    let shown = |which: fn(Percentiles) -> u64| figures::time_or_none(times.map(which));
    [shown(|times| times.p50), shown(|times| times.p95), shown(|times| times.p99)]
}

fn sparklines(view: &View, now: &Now, frame: &mut Frame<'_>, area: Rect) {
    let [_, area] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    let halves = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).spacing(2);
    let [left, right] = halves.areas(area);
    let dots = gathered(&now.course, left.width.min(right.width));
    let look_back = Duration::from_secs(now.course.len() as u64);
    let title =
        |name: &str, top: String| format!("{name}  last {}, top {top}", figures::clock(look_back));
    let top = dots.iter().map(|dot| dot.per_s).fold(0.0, f64::max);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
    let rates = dots.iter().map(|dot| Some((dot.per_s * 100.0).round() as u64));
    let rate_title = title("completed/s", figures::rate(top));
    spark(view, frame, left, (rate_title, Style::Good), rates.collect());
    let slowest = dots.iter().filter_map(|dot| dot.p95_us).max();
    let time_title = title("response p95", figures::time_or_none(slowest));
    let times = dots.iter().map(|dot| dot.p95_us).collect();
    spark(view, frame, right, (time_title, Style::Hint), times);
}

fn spark(
    view: &View,
    frame: &mut Frame<'_>,
    area: Rect,
    (title, style): (String, Style),
    data: Vec<Option<u64>>,
) {
    let [head, bars] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    frame.render_widget(Paragraph::new(Line::from(span(view, Style::Faint, title))), head);
    let top = data.iter().flatten().copied().max().unwrap_or(0).max(1);
    frame.render_widget(Sparkline::default().data(data).max(top).style(look(view, style)), bars);
}

/// At most so many dots: several intervals become one, always the same ones, so that bars do not
/// change as they move.
fn gathered(course: &[Dot], columns: u16) -> Vec<Dot> {
    let each = (course.len() as u64).div_ceil(u64::from(columns.max(1))).max(1);
    let together = |few: &[Dot]| {
        #[expect(clippy::cast_precision_loss, reason = "a few intervals")]
        let per_s = few.iter().map(|dot| dot.per_s).sum::<f64>() / few.len() as f64;
        let p95_us = few.iter().filter_map(|dot| dot.p95_us).max();
        Dot { number: few.first().map_or(0, |dot| dot.number), per_s, p95_us }
    };
    let same = |a: &Dot, b: &Dot| a.number / each == b.number / each;
    let dots: Vec<_> = course.chunk_by(same).map(together).collect();
    let over = dots.len().saturating_sub(usize::from(columns));
    dots.into_iter().skip(over).collect()
}

fn journeys(view: &View, frame: &mut Frame<'_>, area: Rect) {
    let [_, area] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    let Some(now) = &view.now else { return };
    let is_wide = area.width >= WIDE;
    let late = format!("last {LATE} s");
    let groups: Vec<&str> = match (is_wide, view.is_so_far) {
        (true, _) => vec![&late, "so far"],
        (false, true) => vec!["so far"],
        (false, false) => vec![&late],
    };
    let mut head: Vec<_> =
        ["journey", "due", "completed", "failed", "/s"].map(str::to_owned).into();
    for group in &groups {
        head.extend([format!("{group} p50"), "p95".to_owned(), "p99".to_owned()]);
    }
    let room = usize::from(area.height.saturating_sub(1));
    let several = now.journeys.windows(2).any(|pair| pair[0].variant != pair[1].variant);
    let shown = if now.journeys.len() > room { room.saturating_sub(1) } else { room };
    let mut rows: Vec<_> =
        now.journeys.iter().take(shown).map(|row| cells(view, row, is_wide, several)).collect();
    if now.journeys.len() > shown {
        let more = format!("… and {} more", now.journeys.len() - shown);
        rows.push(ratatui::widgets::Row::new([span(view, Style::Faint, more)]));
    }
    let mut widths = vec![Constraint::Fill(1)];
    widths.extend([7, 9, 6, 6].map(Constraint::Length));
    for group in &groups {
        widths.extend([columns(group) + 4, 8, 8].map(Constraint::Length));
    }
    let head = ratatui::widgets::Row::new(aligned(head)).style(look(view, Style::Strong));
    frame.render_widget(Table::new(rows, widths).header(head).column_spacing(1), area);
}

fn cells(view: &View, row: &Row, is_wide: bool, several: bool) -> ratatui::widgets::Row<'static> {
    let variant = if several { format!(" · {}", row.variant) } else { String::new() };
    let mut cells = vec![
        clean(&format!("{}{variant}", row.journey)),
        figures::count(row.due),
        figures::count(row.completed),
        figures::count_or_dot(row.failed),
        figures::rate(row.per_s),
    ];
    if is_wide || !view.is_so_far {
        cells.extend(three(row.late));
    }
    if is_wide || view.is_so_far {
        cells.extend(three(row.so_far));
    }
    let bad = look(view, Style::Bad);
    let cells = aligned(cells).into_iter().enumerate();
    let cells = cells.map(
        |(place, text)| {
            if place == 3 && row.failed > 0 { text.style(bad) } else { text }
        },
    );
    ratatui::widgets::Row::new(cells.collect::<Vec<_>>())
}

/// The first to the left, figures to the right.
fn aligned(texts: Vec<String>) -> Vec<Text<'static>> {
    let side = |place| if place == 0 { Alignment::Left } else { Alignment::Right };
    let cells = texts.into_iter().enumerate();
    cells.map(|(place, text)| Text::from(text).alignment(side(place))).collect()
}

fn thresholds_of(view: &View, frame: &mut Frame<'_>, area: Rect) {
    let Some(now) = &view.now else { return };
    let rows = now.thresholds.iter().take(MOST_THRESHOLDS);
    let lines = rows.map(|threshold| {
        let nothing_yet = [NO_SAMPLES, AT_THE_END].contains(&threshold.observed.as_str());
        let (mark, style) = match (threshold.holds, nothing_yet) {
            (_, true) => (figures::NONE, Style::Faint),
            (true, _) => ("✓", Style::Good),
            (false, _) => ("✗", Style::Bad),
        };
        Line::from(vec![
            span(view, style, format!("{mark} {}", threshold.rule)),
            span(view, Style::Plain, format!("  {}", threshold.observed)),
        ])
    });
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), area);
}

fn foot(view: &View, frame: &mut Frame<'_>, area: Rect) {
    let mut lines = vec![Line::default(), Line::default(), Line::default(), keys(view)];
    if let Some(now) = &view.now {
        lines[0] = generator(view, now);
        if let Some(caution) = now.cautions.first() {
            let more = now.cautions.len() - 1;
            let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            lines[1] = Line::from(span(view, Style::Bad, format!("! {caution}{more}")));
        }
        if let Some(event) = now.events.last() {
            let at = figures::clock(Duration::from_millis(event.at_ms));
            lines[2] = Line::from(span(view, Style::Plain, format!("{at}  {}", event.text)));
        }
    }
    if let Some(answer) = view.answer {
        lines[2] = Line::from(span(view, Style::Hint, answer));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn generator(view: &View, now: &Now) -> Line<'static> {
    let generator = &now.generator;
    let cpu = generator.cpu_share.map(|share| {
        let cores = generator.cores.map(|cores| format!(" of {}", figures::cores(cores)));
        format!("CPU {}{}", figures::share(share), cores.unwrap_or_default())
    });
    let lag = generator.lag_p99_us.map(|lag| format!("lag p99 {}", figures::time(lag)));
    let sockets = generator.sockets.map(|sockets| format!("{sockets} sockets"));
    let parts: Vec<_> = [cpu, lag, sockets].into_iter().flatten().collect();
    let mut spans =
        vec![span(view, Style::Faint, "generator  "), span(view, Style::Plain, parts.join("  "))];
    if generator.is_limit {
        spans.push(span(view, Style::Bad, "  may be the limit"));
    }
    Line::from(spans)
}

/// The keys that there are, as many as there is room for.
fn keys(view: &View) -> Line<'static> {
    let mut spans = Vec::new();
    for key in KEYS.iter().filter(|key| view.facts.is_open || !key.wish.is_of_rate()) {
        spans.push(span(view, Style::Hint, key.shown));
        spans.push(span(view, Style::Faint, format!(" {}  ", key.short)));
    }
    Line::from(spans)
}

fn help(view: &View, frame: &mut Frame<'_>, area: Rect) {
    let line = |key: &super::keys::Key| {
        let closed = !view.facts.is_open && key.wish.is_of_rate();
        let about = if closed { "(a closed run has no rate)" } else { key.about };
        Line::from(vec![
            span(view, Style::Strong, format!(" {}  ", key.shown)),
            span(view, if closed { Style::Faint } else { Style::Plain }, about),
        ])
    };
    let lines: Vec<_> = KEYS.iter().map(line).collect();
    let height = u16::try_from(lines.len()).unwrap_or(0) + 2;
    let [middle] = Layout::vertical([Constraint::Length(height)])
        .flex(ratatui::layout::Flex::Center)
        .areas(area);
    let [middle] = Layout::horizontal([Constraint::Length(64)])
        .flex(ratatui::layout::Flex::Center)
        .areas(middle);
    frame.render_widget(Clear, middle);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" keys ")), middle);
}

fn columns(text: &str) -> u16 {
    u16::try_from(width(text)).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::view::{Facts, Generator, Rate};
    use super::*;
    use crate::measure::fault::Fault;
    use crate::measure::series::Phases;
    use crate::measure::timeline::{Event, RATE_CHANGE};
    use crate::result::summary::ThresholdSummary;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// The screen as text, without the blanks at the end of its lines.
    fn screen(view: &View, columns: u16, rows: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        terminal.draw(|frame| draw(view, frame)).unwrap();
        let buffer = terminal.backend().buffer();
        let cells: Vec<_> = buffer.content().iter().map(|cell| cell.symbol()).collect();
        let lines =
            cells.chunks(usize::from(columns)).map(|line| line.concat().trim_end().to_owned());
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Before the first interval.
    fn starting(is_open: bool) -> View {
        let facts = Facts {
            run: "20261122-042512-abc123".to_owned(),
            tenant: "127.0.0.1".to_owned(),
            phases: Phases { warm_up_ends: s(10), measured_ends: Some(s(70)) },
            closes: Some(s(70)),
            iterations: None,
            users: if is_open { 500 } else { 20 },
            is_open,
        };
        let mut view = View::new(facts, Paint::Plain);
        view.rate = is_open.then_some(Rate { planned: 40.0, factor: 1.0, is_paused: false });
        view
    }

    fn times(p50_ms: u64) -> Option<Percentiles> {
        let us = p50_ms * 1000;
        Some(Percentiles { p50: us, p95: us * 2, p99: us * 3 })
    }

    fn row(journey: &str, due: u64, failed: u64, p50_ms: u64) -> Row {
        Row {
            variant: "v1".into(),
            journey: journey.into(),
            due,
            completed: due - failed - due.min(3),
            failed,
            per_s: 20.2,
            late: times(p50_ms),
            so_far: (due > 0).then(|| times(p50_ms + 7)).flatten(),
        }
    }

    fn now(seconds: u64) -> Now {
        let dot = |number| Dot {
            number,
            per_s: (number % 8) as f64 * 10.0,
            p95_us: (number != 7).then_some(100_000 + number * 5000),
        };
        Now {
            ended: s(seconds),
            due: seconds * 40,
            offered_per_s: 40.4,
            completed_per_s: 39.8,
            response: times(81),
            users: 12,
            journeys: vec![row("register", 220, 0, 120), row("sign-on", 300, 0, 81)],
            course: (0..seconds).map(dot).collect(),
            thresholds: vec![
                ThresholdSummary {
                    rule: "sign-on.p95 < 800ms".to_owned(),
                    observed: "162ms".to_owned(),
                    holds: true,
                    ..ThresholdSummary::default()
                },
                ThresholdSummary {
                    rule: "faults < 1%".to_owned(),
                    observed: "0%".to_owned(),
                    holds: true,
                    ..ThresholdSummary::default()
                },
            ],
            generator: Generator {
                cpu_share: Some(0.124),
                cores: Some(2.0),
                lag_p99_us: Some(312),
                sockets: Some(24),
                is_limit: false,
            },
            ..Now::default()
        }
    }

    fn running(is_open: bool, seconds: u64) -> View {
        let mut view = starting(is_open);
        (view.elapsed, view.now) = (Some(s(seconds)), Some(now(seconds)));
        view
    }

    fn in_warm_up() -> View {
        let mut view = running(true, 4);
        let now = view.now.as_mut().unwrap();
        now.is_warming_up = true;
        now.journeys = vec![row("register", 0, 0, 120), row("sign-on", 0, 0, 81)];
        for threshold in &mut now.thresholds {
            threshold.observed = "no samples".to_owned();
            threshold.holds = false;
        }
        view
    }

    fn changed() -> View {
        let mut view = running(true, 43);
        view.rate = Some(Rate { planned: 40.0, factor: 1.25, is_paused: false });
        let now = view.now.as_mut().unwrap();
        now.events = vec![Event {
            at_ms: 41_300,
            slug: RATE_CHANGE.to_owned(),
            text: "rate 40/s → 50/s (×1.25)".to_owned(),
        }];
        now.cautions = vec!["rate-changed: the rate was changed by hand once".to_owned()];
        view
    }

    fn faulty() -> View {
        let mut view = running(false, 43);
        let now = view.now.as_mut().unwrap();
        now.faults = [(Fault::Http5xx, 9), (Fault::Reset, 3)].into_iter().collect();
        now.journeys[1].failed = 12;
        now.thresholds[1].observed = "2.308%".to_owned();
        now.thresholds[1].holds = false;
        now.generator.is_limit = true;
        view.stops = 1;
        view
    }

    #[test]
    fn before_the_first_interval() {
        insta::assert_snapshot!(screen(&starting(true), 80, 24), @r"
gander 20261122-042512-abc123  127.0.0.1                  starting  0:00 of 1:10


500 users are being launched, ready for arrivals



















q stop  + more  - less  ] +1 %  [ −1 %  r as planned  p pause  t times  ? help
");
    }

    #[test]
    fn in_the_warm_up_nothing_counts_yet() {
        insta::assert_snapshot!(screen(&in_warm_up(), 80, 24), @r"
gander 20261122-042512-abc123  127.0.0.1                   warm-up  0:04 of 1:10
  5 % ━━━━──────────────────────────────────────────────────────────────────────
rates and times of the last 5 s, faults of the warm-up
rate      40.0/s  as planned      users     12 of 500
offered   40.4/s                  faults    0
completed 39.8/s                  response  p50 81.0 ms  p95 162 ms  p99 243 ms

completed/s  last 0:04, top 30.0         response p95  last 0:04, top 115 ms
   █                                     ▄▅▆█
  ██                                     ████
 ███                                     ████

journey                 due completed failed     /s so far p50      p95      p99
register                  0         0      ·   20.2          –        –        –
sign-on                   0         0      ·   20.2          –        –        –



– sign-on.p95 < 800ms  no samples
– faults < 1%  no samples
generator  CPU 12.4% of 2 cores  lag p99 312 µs  24 sockets


q stop  + more  - less  ] +1 %  [ −1 %  r as planned  p pause  t times  ? help
");
    }

    #[test]
    fn an_open_run_whose_rate_was_changed() {
        insta::assert_snapshot!(screen(&changed(), 80, 24), @r"
gander 20261122-042512-abc123  127.0.0.1                  measured  0:43 of 1:10
 61 % ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━─────────────────────────────
rates and times of the last 5 s, faults so far
rate      50.0/s  ×1.25 of 40.0/s users     12 of 500
offered   40.4/s                  faults    0
completed 39.8/s                  response  p50 81.0 ms  p95 162 ms  p99 243 ms

completed/s  last 0:43, top 65.0         response p95  last 0:43, top 310 ms
   █   █   █   █   █                                 ▁▂▂▃▄▅▆▆▇█
 ▁██ ▁██ ▁██ ▁██ ▁██                       ▁▂▃▄▄▅▆▇▇███████████
▁███▁███▁███▁███▁███▁▇                   ██████████████████████

journey                 due completed failed     /s so far p50      p95      p99
register                220       217      ·   20.2     127 ms   254 ms   381 ms
sign-on                 300       297      ·   20.2    88.0 ms   176 ms   264 ms



✓ sign-on.p95 < 800ms  162ms
✓ faults < 1%  0%
generator  CPU 12.4% of 2 cores  lag p99 312 µs  24 sockets
! rate-changed: the rate was changed by hand once
0:41  rate 40/s → 50/s (×1.25)
q stop  + more  - less  ] +1 %  [ −1 %  r as planned  p pause  t times  ? help
");
    }

    #[test]
    fn the_same_with_more_room() {
        insta::assert_snapshot!(screen(&changed(), 120, 40), @r"
gander 20261122-042512-abc123  127.0.0.1                                                          measured  0:43 of 1:10
 61 % ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━────────────────────────────────────────────
rates and times of the last 5 s, faults so far
rate      50.0/s  ×1.25 of 40.0/s users     12 of 500
offered   40.4/s                  faults    0
completed 39.8/s                  response  p50 81.0 ms  p95 162 ms  p99 243 ms

completed/s  last 0:43, top 70.0                             response p95  last 0:43, top 310 ms
       █       █       █       █       █                                                         ▁▂▃▄▅▆█
      ▆█      ▆█      ▆█      ▆█      ▆█                                                 ▁▂▃▄▅▆▇████████
     ▅██     ▅██     ▅██     ▅██     ▅██                                         ▁▂▃▄▅▆▇████████████████
    ▄███    ▄███    ▄███    ▄███    ▄███                                 ▁▂▃▄▅▆▇████████████████████████
   ▃████   ▃████   ▃████   ▃████   ▃████                          ▁▂ ▄▅▆████████████████████████████████
  ▂█████  ▂█████  ▂█████  ▂█████  ▂█████  ▂                  ▄▅▆▇███ ███████████████████████████████████
 ▁██████ ▁██████ ▁██████ ▁██████ ▁██████ ▁█                  ███████ ███████████████████████████████████
 ███████ ███████ ███████ ███████ ███████ ██                  ███████ ███████████████████████████████████

journey                          due completed failed     /s last 5 s p50      p95      p99 so far p50      p95      p99
register                         220       217      ·   20.2       120 ms   240 ms   360 ms     127 ms   254 ms   381 ms
sign-on                          300       297      ·   20.2      81.0 ms   162 ms   243 ms    88.0 ms   176 ms   264 ms














✓ sign-on.p95 < 800ms  162ms
✓ faults < 1%  0%
generator  CPU 12.4% of 2 cores  lag p99 312 µs  24 sockets
! rate-changed: the rate was changed by hand once
0:41  rate 40/s → 50/s (×1.25)
q stop  + more  - less  ] +1 %  [ −1 %  r as planned  p pause  t times  ? help
");
    }

    #[test]
    fn a_closed_run_has_no_keys_for_a_rate() {
        let mut view = running(false, 23);
        view.is_so_far = false;
        insta::assert_snapshot!(screen(&view, 80, 24), @r"
gander 20261122-042512-abc123  127.0.0.1                  measured  0:23 of 1:10
 32 % ━━━━━━━━━━━━━━━━━━━━━━━━──────────────────────────────────────────────────
rates and times of the last 5 s, faults so far
rate      users in turn (closed)  users     12 of 20
offered   40.4/s                  faults    0
completed 39.8/s                  response  p50 81.0 ms  p95 162 ms  p99 243 ms

completed/s  last 0:23, top 70.0         response p95  last 0:23, top 210 ms
     ▁▄█     ▁▄█     ▁▄                            ▁▁▂▂▃▄▄▅▅▆▆▇█
   ▂▅███   ▂▅███   ▂▅██                  ▃▄▄▅▅▆▆ ███████████████
 ▃▆█████ ▃▆█████ ▃▆████                  ███████ ███████████████

journey               due completed failed     /s last 5 s p50      p95      p99
register              220       217      ·   20.2       120 ms   240 ms   360 ms
sign-on               300       297      ·   20.2      81.0 ms   162 ms   243 ms



✓ sign-on.p95 < 800ms  162ms
✓ faults < 1%  0%
generator  CPU 12.4% of 2 cores  lag p99 312 µs  24 sockets


q stop  t times  ? help
");
    }

    #[test]
    fn faults_and_a_stop() {
        insta::assert_snapshot!(screen(&faulty(), 80, 24), @r"
gander 20261122-042512-abc123  127.0.0.1       stopping (draining)  0:43 of 1:10
 61 % ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━─────────────────────────────
rates and times of the last 5 s, faults so far
rate      users in turn (closed)  users     12 of 20
offered   40.4/s                  faults    12  9 http-5xx, 3 reset
completed 39.8/s                  response  p50 81.0 ms  p95 162 ms  p99 243 ms

completed/s  last 0:43, top 65.0         response p95  last 0:43, top 310 ms
   █   █   █   █   █                                 ▁▂▂▃▄▅▆▆▇█
 ▁██ ▁██ ▁██ ▁██ ▁██                       ▁▂▃▄▄▅▆▇▇███████████
▁███▁███▁███▁███▁███▁▇                   ██████████████████████

journey                 due completed failed     /s so far p50      p95      p99
register                220       217      ·   20.2     127 ms   254 ms   381 ms
sign-on                 300       297     12   20.2    88.0 ms   176 ms   264 ms



✓ sign-on.p95 < 800ms  162ms
✗ faults < 1%  2.308%
generator  CPU 12.4% of 2 cores  lag p99 312 µs  24 sockets  may be the limit


q stop  t times  ? help
");
    }

    #[test]
    fn faults_with_more_room() {
        insta::assert_snapshot!(screen(&faulty(), 120, 40), @r"
gander 20261122-042512-abc123  127.0.0.1                                               stopping (draining)  0:43 of 1:10
 61 % ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━────────────────────────────────────────────
rates and times of the last 5 s, faults so far
rate      users in turn (closed)  users     12 of 20
offered   40.4/s                  faults    12  9 http-5xx, 3 reset
completed 39.8/s                  response  p50 81.0 ms  p95 162 ms  p99 243 ms

completed/s  last 0:43, top 70.0                             response p95  last 0:43, top 310 ms
       █       █       █       █       █                                                         ▁▂▃▄▅▆█
      ▆█      ▆█      ▆█      ▆█      ▆█                                                 ▁▂▃▄▅▆▇████████
     ▅██     ▅██     ▅██     ▅██     ▅██                                         ▁▂▃▄▅▆▇████████████████
    ▄███    ▄███    ▄███    ▄███    ▄███                                 ▁▂▃▄▅▆▇████████████████████████
   ▃████   ▃████   ▃████   ▃████   ▃████                          ▁▂ ▄▅▆████████████████████████████████
  ▂█████  ▂█████  ▂█████  ▂█████  ▂█████  ▂                  ▄▅▆▇███ ███████████████████████████████████
 ▁██████ ▁██████ ▁██████ ▁██████ ▁██████ ▁█                  ███████ ███████████████████████████████████
 ███████ ███████ ███████ ███████ ███████ ██                  ███████ ███████████████████████████████████

journey                          due completed failed     /s last 5 s p50      p95      p99 so far p50      p95      p99
register                         220       217      ·   20.2       120 ms   240 ms   360 ms     127 ms   254 ms   381 ms
sign-on                          300       297     12   20.2      81.0 ms   162 ms   243 ms    88.0 ms   176 ms   264 ms














✓ sign-on.p95 < 800ms  162ms
✗ faults < 1%  2.308%
generator  CPU 12.4% of 2 cores  lag p99 312 µs  24 sockets  may be the limit


q stop  t times  ? help
");
    }

    #[test]
    fn a_pause_and_the_help() {
        let mut view = changed();
        view.rate = Some(Rate { planned: 40.0, factor: 1.25, is_paused: true });
        view.is_helping = true;
        insta::assert_snapshot!(screen(&view, 80, 24), @r"
gander 20261122-042512-abc123  127.0.0.1                  measured  0:43 of 1:10
 61 % ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━─────────────────────────────
rates and times of the last 5 s, faults so far
rate      0/s  PAUSED of 40.0/s   users     12 of 500
offered   40.4/s                  faults    0
completed 39.8/s                  response  p50 81.0 ms  p95 162 ms  p99 243 ms

complete┌ keys ────────────────────────────────────────────────────────┐0 ms
   █   █│ q  stop in order; a second later: now (Ctrl-C, thrice: die)  │
 ▁██ ▁██│ +  10 % of the planned rate more                             │
▁███▁███│ -  10 % of the planned rate less                             │
        │ ]  1 % of the planned rate more                              │
journey │ [  1 % of the planned rate less                              │     p99
register│ r  the planned rate again                                    │  381 ms
sign-on │ p  hold arrivals, or let them come again (also space)        │  264 ms
        │ t  times of the last seconds, or so far                      │
        │ ?  this help, or no more of it                               │
        └──────────────────────────────────────────────────────────────┘
✓ sign-on.p95 < 800ms  162ms
✓ faults < 1%  0%
generator  CPU 12.4% of 2 cores  lag p99 312 µs  24 sockets
! rate-changed: the rate was changed by hand once
0:41  rate 40/s → 50/s (×1.25)
q stop  + more  - less  ] +1 %  [ −1 %  r as planned  p pause  t times  ? help
");
    }

    #[test]
    fn a_small_screen_has_the_main_figures() {
        insta::assert_snapshot!(screen(&faulty(), 40, 8), @r"
0:43 of 1:10  stopping (draining)
39.8/s of 40.4/s  12 users
p95 162 ms  faults 12
q stop
");
    }

    #[test]
    fn no_size_is_too_small_or_too_large_for_it() {
        for columns in [1, 2, 10, 59, 60, 61, 79, 111, 112, 300] {
            for rows in [1, 2, 5, 13, 14, 15, 21, 22, 80] {
                for view in [starting(true), in_warm_up(), changed(), faulty()] {
                    let helping = View { is_helping: true, ..view.clone() };
                    assert!(!screen(&view, columns, rows).trim().is_empty());
                    screen(&helping, columns, rows);
                }
            }
        }
    }

    #[test]
    fn more_journeys_than_there_is_room_for_are_counted() {
        let mut view = running(true, 43);
        let rows = (0..40).map(|number| row(&format!("journey-{number}"), 10, 0, 81));
        view.now.as_mut().unwrap().journeys = rows.collect();
        let text = screen(&view, 80, 24);
        assert!(text.contains("journey-0 ") && text.contains("more"), "{text}");
    }

    #[test]
    fn without_colours_there_are_none_and_with_them_some() {
        for (paint, coloured) in [(Paint::Plain, false), (Paint::Ansi, true)] {
            let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
            let view = View { paint, ..faulty() };
            terminal.draw(|frame| draw(&view, frame)).unwrap();
            let cells = terminal.backend().buffer().content();
            assert_eq!(cells.iter().any(|cell| cell.fg != Color::Reset), coloured);
        }
    }

    #[test]
    fn a_name_from_outside_cannot_steer_the_screen() {
        let mut view = changed();
        view.now.as_mut().unwrap().journeys[0].journey = "a\x1b[2Jb\nc".into();
        assert!(!screen(&view, 80, 24).contains('\x1b'));
    }

    #[test]
    fn dots_become_one_with_their_neighbours_and_never_more_than_fit() {
        let course = |from: u64, to: u64| -> Vec<_> {
            (from..to)
                .map(|number| Dot { number, per_s: number as f64, p95_us: Some(number) })
                .collect()
        };
        assert_eq!(gathered(&course(0, 10), 20), course(0, 10));
        let dots = gathered(&course(0, 40), 20);
        assert_eq!((dots.len(), dots[1].per_s, dots[1].p95_us), (20, 2.5, Some(3)));
        // One later: what is together stays together.
        let later = gathered(&course(1, 41), 20);
        assert_eq!((later.len(), later.get(..19)), (20, dots.get(1..)));
        assert_eq!(later.last().map(|dot| dot.p95_us), Some(Some(40)));
        assert_eq!(gathered(&[], 20), []);
    }
}
