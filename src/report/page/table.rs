//! Tables of figures: one way to make them, so that all sort, scroll and read the same.

use crate::report::figures;
use maud::{Markup, PreEscaped, Render, html};

/// A column by its heading.
#[derive(Clone, Copy, Debug)]
pub(in crate::report) struct Column {
    title: &'static str,
    kind: Kind,
}

/// What stands in a column, which says how it is aligned and sorted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Text,
    Figure,
    Picture,
}

impl Column {
    /// Words, on the left.
    pub(in crate::report) const fn text(title: &'static str) -> Self {
        Self { title, kind: Kind::Text }
    }

    /// Figures, on the right.
    pub(in crate::report) const fn figure(title: &'static str) -> Self {
        Self { title, kind: Kind::Figure }
    }

    /// Something to look at, which has no order.
    pub(in crate::report) const fn picture(title: &'static str) -> Self {
        Self { title, kind: Kind::Picture }
    }
}

/// What stands in one place of a table.
#[derive(Clone, Debug)]
pub(in crate::report) struct Cell {
    markup: Markup,
    /// What it is sorted by, if that is not its text.
    value: Option<f64>,
    is_bad: bool,
}

impl Cell {
    /// Words, or whatever else has been made for the page.
    pub(in crate::report) fn of(content: impl Render) -> Self {
        Self { markup: content.render(), value: None, is_bad: false }
    }

    /// A picture that was drawn elsewhere.
    pub(in crate::report) fn drawn(svg: String) -> Self {
        Self::of(PreEscaped(svg))
    }

    /// A number of things.
    pub(in crate::report) fn count(number: u64) -> Self {
        Self::sorted(figures::count(number), as_number(number))
    }

    /// A number of things that had better be none.
    pub(in crate::report) fn count_bad(number: u64) -> Self {
        let is_bad = number > 0;
        Self { is_bad, ..Self::sorted(figures::count_or_dot(number), as_number(number)) }
    }

    /// The same where it is no news about the tenant.
    pub(in crate::report) fn count_or_dot(number: u64) -> Self {
        Self::sorted(figures::count_or_dot(number), as_number(number))
    }

    /// A time in microseconds.
    pub(in crate::report) fn time(us: Option<u64>) -> Self {
        Self { value: us.map(as_number), ..Self::of(figures::time_or_none(us)) }
    }

    /// Happenings per second.
    pub(in crate::report) fn rate(per_s: f64) -> Self {
        Self::sorted(figures::rate(per_s), per_s)
    }

    /// A share that had better be none.
    pub(in crate::report) fn share_bad(share: f64) -> Self {
        Self { is_bad: share > 0.0, ..Self::sorted(figures::share_or_dot(share), share) }
    }

    fn sorted(text: String, value: f64) -> Self {
        Self { value: Some(value), ..Self::of(text) }
    }
}

#[expect(clippy::cast_precision_loss, reason = "only to sort by")]
fn as_number(number: u64) -> f64 {
    number as f64
}

/// A row; its first cell names it.
#[derive(Clone, Debug)]
pub(in crate::report) struct Row {
    cells: Vec<Cell>,
    is_sum: bool,
}

impl Row {
    /// One of its group.
    pub(in crate::report) const fn of(cells: Vec<Cell>) -> Self {
        Self { cells, is_sum: false }
    }

    /// The sum of its group, which stays on top of it and by which groups are sorted.
    pub(in crate::report) const fn sum(cells: Vec<Cell>) -> Self {
        Self { cells, is_sum: true }
    }
}

/// Rows that stay together.
#[derive(Clone, Debug, Default)]
pub(in crate::report) struct Group {
    /// What they have in common, if that is to be said above them.
    pub(in crate::report) title: Option<String>,
    /// The rows.
    pub(in crate::report) rows: Vec<Row>,
}

/// A whole table.
pub(in crate::report) struct Table<'a> {
    /// Its id on the page.
    pub(in crate::report) id: &'a str,
    /// What it shows.
    pub(in crate::report) caption: &'a str,
    /// The headings.
    pub(in crate::report) columns: &'a [Column],
    /// The rows.
    pub(in crate::report) groups: Vec<Group>,
}

impl Render for Table<'_> {
    fn render(&self) -> Markup {
        let caption = format!("{}-caption", self.id);
        html! {
            div.scroll id={ (self.id) "-box" } tabindex="0" role="group" aria-labelledby=(caption) {
                table.sortable id=(self.id) {
                    caption id=(caption) { (self.caption) }
                    thead { tr {
                        @for column in self.columns {
                            th scope="col" class=[class_of(column.kind)] data-sort=[order_of(column.kind)] {
                                (column.title)
                            }
                        }
                    } }
                    @for group in &self.groups {
                        tbody {
                            @if let Some(title) = &group.title {
                                tr.title { th scope="rowgroup" colspan=(self.columns.len()) { (title) } }
                            }
                            @for row in &group.rows { (self.row(row)) }
                        }
                    }
                }
            }
        }
    }
}

impl Table<'_> {
    fn row(&self, row: &Row) -> Markup {
        html! {
            tr class=[row.is_sum.then_some("sum")] {
                @for (place, (cell, column)) in row.cells.iter().zip(self.columns).enumerate() {
                    @if place == 0 {
                        th scope="row" data-value=[cell.value] { (cell.markup) }
                    } @else {
                        td class=[class_of(column.kind)] data-value=[cell.value] {
                            @if cell.is_bad { b.bad { (cell.markup) } } @else { (cell.markup) }
                        }
                    }
                }
            }
        }
    }
}

const fn class_of(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Text => None,
        Kind::Figure => Some("n"),
        Kind::Picture => Some("p"),
    }
}

const fn order_of(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Text => Some("text"),
        Kind::Figure => Some("number"),
        Kind::Picture => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_carry_what_they_are_sorted_by_and_names_head_their_rows() {
        let columns = [Column::text("fruit"), Column::figure("p95"), Column::picture("spread")];
        let row =
            Row::of(vec![Cell::of("a<b"), Cell::time(Some(1500)), Cell::drawn(String::new())]);
        let group = Group { title: Some("all".to_owned()), rows: vec![row] };
        let table = Table { id: "t", caption: "Fruit", columns: &columns, groups: vec![group] };
        insta::assert_snapshot!(table.render().into_string().replace("><", ">\n<"), @r#"
        <div class="scroll" id="t-box" tabindex="0" role="group" aria-labelledby="t-caption">
        <table class="sortable" id="t">
        <caption id="t-caption">Fruit</caption>
        <thead>
        <tr>
        <th scope="col" data-sort="text">fruit</th>
        <th scope="col" class="n" data-sort="number">p95</th>
        <th scope="col" class="p">spread</th>
        </tr>
        </thead>
        <tbody>
        <tr class="title">
        <th scope="rowgroup" colspan="3">all</th>
        </tr>
        <tr>
        <th scope="row">a&lt;b</th>
        <td class="n" data-value="1500">1.50 ms</td>
        <td class="p">
        </td>
        </tr>
        </tbody>
        </table>
        </div>
        "#);
    }
}
