//! Medians and how far they can be trusted.

/// A median and, from its order statistics, an interval that covers the true one in at least 95 % of cases.
#[derive(Clone, Copy)]
pub(crate) struct Median {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// The median of `values`, at least one. Below six values no interval reaches 95 %: then it is all of them.
pub(crate) fn median(mut values: Vec<f64>) -> Median {
    values.sort_by(f64::total_cmp);
    let count = values.len();
    let value = (values[(count - 1) / 2] + values[count / 2]) / 2.0;
    // The largest rank whose two tails of the binomial distribution hold at most 5 %: each value is above the true median
    // with a chance of one half.
    let mut rank = 0;
    let mut chance = 0.5_f64.powi(count as i32);
    let mut tail = chance;
    while rank + 1 < count / 2 {
        chance *= (count - rank) as f64 / (rank + 1) as f64;
        if 2.0 * (tail + chance) > 0.05 {
            break;
        }
        tail += chance;
        rank += 1;
    }
    Median { value, low: values[rank], high: values[count - 1 - rank] }
}
