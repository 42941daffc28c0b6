//! Along a space-filling curve: slices that follow each other stand close together in both directions.
//!
//! The curve is Hilbert's, for rectangles of any size ("gilbert", J. Cerveny, 2019): a rectangle is entered at one corner, left at the
//! neighbouring one, and either halved along its length or cut into three that are passed up, across and down.

use super::{Placer, Problem};

/// Slice after slice along Hilbert's curve through the routers.
pub struct Hilbert;

impl Placer for Hilbert {
    fn name(&self) -> &'static str {
        "hilbert"
    }

    fn place(&self, problem: &Problem<'_>, _: u64) -> Vec<u32> {
        let machine = problem.machine;
        let first_sites = machine.first_sites();
        let routers = curve(machine.columns, machine.rows).into_iter().filter_map(|(x, y)| machine.router_at(x, y));
        let sites = routers.flat_map(|router| first_sites[router as usize]..first_sites[router as usize + 1]);
        sites.take(problem.slices).collect()
    }
}

/// Every place of a rectangle once, as (column, row); neighbours on the curve are neighbours in the rectangle, but for at most one diagonal
/// step where the sizes' parities leave no other way.
pub fn curve(columns: u32, rows: u32) -> Vec<(u32, u32)> {
    let mut places = Vec::with_capacity(columns as usize * rows as usize);
    let (width, height) = (Vector(columns as i32, 0), Vector(0, rows as i32));
    if columns >= rows {
        fill(Vector(0, 0), width, height, &mut places)
    } else {
        fill(Vector(0, 0), height, width, &mut places)
    }
    places
}

#[derive(Clone, Copy)]
struct Vector(i32, i32);

impl Vector {
    fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0, self.1 + other.1)
    }

    fn minus(self, other: Self) -> Self {
        Self(self.0 - other.0, self.1 - other.1)
    }

    fn negative(self) -> Self {
        Self(-self.0, -self.1)
    }

    fn length(self) -> i32 {
        (self.0 + self.1).abs() // one of them is 0
    }

    fn unit(self) -> Self {
        Self(self.0.signum(), self.1.signum())
    }

    /// Half of it, and one more where that makes an odd half even.
    fn even_half(self) -> Self {
        let half = Self(self.0.div_euclid(2), self.1.div_euclid(2));
        if half.length() % 2 == 1 && self.length() > 2 { half.plus(self.unit()) } else { half }
    }
}

/// Passes the rectangle spanned by `along` and `across`, from `start` towards the end of `along`.
fn fill(start: Vector, along: Vector, across: Vector, places: &mut Vec<(u32, u32)>) {
    let (length, breadth) = (along.length(), across.length());
    if length == 1 || breadth == 1 {
        let step = if breadth == 1 { along.unit() } else { across.unit() };
        let steps = (0..length.max(breadth)).map(|n| (start.0 + n * step.0, start.1 + n * step.1));
        places.extend(steps.map(|(x, y)| (x as u32, y as u32)));
    } else if 2 * length > 3 * breadth {
        let half = along.even_half();
        fill(start, half, across, places);
        fill(start.plus(half), along.minus(half), across, places);
    } else {
        let (half, side) = (Vector(along.0.div_euclid(2), along.1.div_euclid(2)), across.even_half());
        fill(start, side, half, places);
        fill(start.plus(side), along, across.minus(side), places);
        let corner = start.plus(along.minus(along.unit())).plus(side.minus(across.unit()));
        fill(corner, side.negative(), along.minus(half).negative(), places);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_curve_passes_every_place_once_and_step_by_step() {
        for (columns, rows) in (1..=20).flat_map(|columns| (1..=20).map(move |rows| (columns, rows))) {
            let places = curve(columns, rows);
            let all: BTreeSet<_> = places.iter().filter(|&&(x, y)| x < columns && y < rows).collect();
            assert_eq!((places.len(), all.len()), ((columns * rows) as usize, (columns * rows) as usize), "{columns} x {rows}");
            let steps = places.windows(2).map(|pair| (pair[0].0.abs_diff(pair[1].0), pair[0].1.abs_diff(pair[1].1)));
            let (straight, others): (Vec<_>, Vec<_>) = steps.partition(|&(x, y)| x + y == 1);
            assert!(others.len() <= 1 && others.iter().all(|&step| step == (1, 1)), "{columns} x {rows}: {} {others:?}", straight.len());
        }
    }

    #[test]
    fn the_square_of_four_is_hilberts() {
        let expected = [(0, 0), (0, 1), (1, 1), (1, 0)];
        assert_eq!(curve(2, 2), expected);
    }
}
