//! Holm's correction: many claims at once, and no more false alarms than one.

/// Corrects p-values of claims that are made together, in their order, so that the probability of any
/// false claim among all is at most the significance asked of each, whatever depends on what.
///
/// Holm, *A simple sequentially rejective multiple test procedure*, Scandinavian Journal of Statistics
/// 6 (1979) 65–70: the k-th smallest of m times m − k + 1, never less than a smaller one's, at most 1.
pub fn corrected(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut corrected = vec![1.0; values.len()];
    let mut least: f64 = 0.0;
    for (rank, place) in order.into_iter().enumerate() {
        let claims = u32::try_from(values.len() - rank).map_or(f64::INFINITY, f64::from);
        least = least.max((values[place] * claims).min(1.0));
        corrected[place] = least;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_table_worked_by_hand() {
        for (values, expected) in [
            (&[][..], &[][..]),
            (&[0.03], &[0.03]),
            (&[0.01, 0.04], &[0.02, 0.04]),
            (&[0.01, 0.04, 0.03, 0.005], &[0.03, 0.06, 0.06, 0.02]),
            (&[0.6, 0.6], &[1.0, 1.0]),
            (&[0.02, 0.02, 0.02], &[0.06, 0.06, 0.06]),
        ] {
            let found = corrected(values);
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-12, "{values:?}: {found} {expected}");
            }
        }
    }

    proptest! {
        #[test]
        fn it_keeps_the_order_and_lies_between_the_raw_value_and_bonferronis(
            values in prop::collection::vec(0.0f64..=1.0, 1..40),
        ) {
            let found = corrected(&values);
            for (a, raw) in values.iter().enumerate() {
                let bonferroni = (raw * values.len() as f64).min(1.0);
                prop_assert!(found[a] >= *raw && found[a] <= bonferroni + 1e-12);
                for (b, other) in values.iter().enumerate() {
                    prop_assert!(raw > other || found[a] <= found[b]);
                }
            }
        }
    }
}
