//! The two inner products everything is made of: a narrow panel of a matrix product
//! with its columns in registers.
//!
//! Each output value is one chain of multiply-adds over `k = 0, 1, …` whatever the
//! number of rows done together, so a row's result does not depend on its neighbours.
#![allow(unsafe_code, clippy::inline_always)]

use rayon::prelude::*;

use super::simd::{Kernel, Level, Simd};

/// Columns of a full panel.
pub(crate) const PANEL: usize = 16;

/// Columns as packed: a multiple of eight.
pub(crate) const fn padded(columns: usize) -> usize {
    columns.next_multiple_of(8)
}

/// Number of panels that `columns` take.
pub(crate) const fn panels(columns: usize) -> usize {
    padded(columns).div_ceil(PANEL)
}

/// Packed width of panel `panel`: 16, or 8 at the end.
pub(crate) fn panel_width(columns: usize, panel: usize) -> usize {
    PANEL.min(padded(columns) - panel * PANEL)
}

/// Pack a matrix by panels, each `[k][width]`, one after another; missing columns are zero.
pub(crate) fn pack(depth: usize, columns: usize, value: impl Fn(usize, usize) -> f32 + Sync) -> Vec<f32> {
    let mut packed = vec![0.0; depth * padded(columns)];
    let fill = |(panel, values): (usize, &mut [f32])| {
        let width = panel_width(columns, panel);
        for (k, row) in values.chunks_exact_mut(width).enumerate() {
            for (offset, cell) in row.iter_mut().enumerate() {
                let column = panel * PANEL + offset;
                if column < columns {
                    *cell = value(k, column);
                }
            }
        }
    };
    if depth > 0 {
        packed.par_chunks_mut(depth * PANEL).enumerate().for_each(fill);
    }
    packed
}

/// Where a row of a product lies: first value in `a`, first value in `c`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) a: u32,
    pub(crate) c: u32,
}

/// How the indices `k` of a row are spread over memory: `count` runs of `length`
/// neighbours, `stride` apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Runs {
    pub(crate) count: usize,
    pub(crate) stride: usize,
    pub(crate) length: usize,
}

impl Runs {
    pub(crate) const fn one(length: usize) -> Self {
        Self { count: 1, stride: 0, length }
    }

    pub(crate) const fn depth(self) -> usize {
        self.count * self.length
    }

    /// One past the last value read, relative to a row's first.
    const fn reach(self) -> usize {
        if self.depth() == 0 { 0 } else { (self.count - 1) * self.stride + self.length }
    }
}

/// `c[row, :] = Σ_k a[row, k] · b[k, :] + bias` for one panel of columns.
pub(crate) struct Product<'a> {
    pub(crate) a: &'a [f32],
    pub(crate) rows: &'a [Row],
    pub(crate) runs: Runs,
    /// `[k][width]`, width 8 or 16.
    pub(crate) b: &'a [f32],
    /// `[columns]` of this panel.
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) c: Scatter<'a>,
    /// Columns to write: at most the packed width.
    pub(crate) columns: usize,
    /// Packed width.
    pub(crate) width: usize,
    /// What is multiplied next: on its way to the cache meanwhile.
    pub(crate) ahead: &'a [f32],
}

/// Values of a line of the cache.
const LINE: usize = 16;

impl Product<'_> {
    /// Check every bound once, then run.
    ///
    /// # Safety
    /// Nobody else may touch the rows' places in `c` meanwhile.
    pub(crate) unsafe fn run(self, level: Level) {
        let (mut last_a, mut last_c) = (0, 0);
        for row in self.rows {
            last_a = last_a.max(row.a as usize);
            last_c = last_c.max(row.c as usize);
        }
        assert!(
            self.rows.is_empty() || last_a + self.runs.reach() <= self.a.len(),
            "row outside of the matrix"
        );
        assert!(self.rows.is_empty() || last_c + self.columns <= self.c.length, "row outside of the result");
        assert!(self.runs.depth() * self.width <= self.b.len() && self.columns <= self.width);
        assert!(self.bias.is_none_or(|bias| bias.len() >= self.columns));
        assert!(self.width == 8 || self.width == PANEL);
        // SAFETY: every place read or written was checked.
        unsafe { level.run(self) };
    }

    #[inline(always)]
    unsafe fn rows<S: Simd, const VECTORS: usize>(&self) {
        // SAFETY: `run` checked every row.
        unsafe {
            let mut bias = [S::zero(); VECTORS];
            if let Some(values) = self.bias {
                let mut padded = [0.0; PANEL];
                padded[..self.columns].copy_from_slice(&values[..self.columns]);
                for (v, bias) in bias.iter_mut().enumerate() {
                    *bias = S::load(padded.as_ptr().add(v * S::LANES));
                }
            }
            let most = if VECTORS == 1 { 8 } else { S::ROWS };
            let mut rows = self.rows;
            // In equal parts, so that memory keeps up.
            let blocks = rows.len().div_ceil(most).max(1);
            let part = self.ahead.len().div_ceil(blocks).next_multiple_of(LINE);
            let mut ahead = self.ahead;
            while !rows.is_empty() {
                let (now, rest) = rows.split_at(most.min(rows.len()));
                let (soon, later) = ahead.split_at(part.min(ahead.len()));
                match now.len() {
                    8 => self.block::<S, 8, VECTORS>(now, bias, soon),
                    7 => self.block::<S, 7, VECTORS>(now, bias, soon),
                    6 => self.block::<S, 6, VECTORS>(now, bias, soon),
                    5 => self.block::<S, 5, VECTORS>(now, bias, soon),
                    4 => self.block::<S, 4, VECTORS>(now, bias, soon),
                    3 => self.block::<S, 3, VECTORS>(now, bias, soon),
                    2 => self.block::<S, 2, VECTORS>(now, bias, soon),
                    _ => self.block::<S, 1, VECTORS>(now, bias, soon),
                }
                (rows, ahead) = (rest, later);
            }
        }
    }

    #[inline(always)]
    unsafe fn block<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &self,
        rows: &[Row],
        bias: [S; VECTORS],
        ahead: &[f32],
    ) {
        // SAFETY: `run` checked every row.
        unsafe {
            let mut a = [self.a.as_ptr(); ROWS];
            for r in 0..ROWS {
                a[r] = a[r].add(rows[r].a as usize);
            }
            let mut b = self.b.as_ptr();
            let mut sums = [[S::zero(); VECTORS]; ROWS];
            // Lines to fetch for every line of `a` that is read.
            let lines = ahead.len().div_ceil(self.runs.depth().max(1));
            let mut ahead = ahead.chunks(LINE);
            for _ in 0..self.runs.count {
                let mut k = 0;
                while k < self.runs.length {
                    for line in ahead.by_ref().take(lines) {
                        S::fetch(line.as_ptr());
                    }
                    let end = self.runs.length.min(k + LINE);
                    while k < end {
                        // Plain loops: a closure here may stay a call without the instructions of `S`.
                        let mut row = [S::zero(); VECTORS];
                        for v in 0..VECTORS {
                            row[v] = S::load(b.add(v * S::LANES));
                        }
                        for r in 0..ROWS {
                            let factor = S::splat(*a[r].add(k));
                            for v in 0..VECTORS {
                                sums[r][v] = factor.mul_add(row[v], sums[r][v]);
                            }
                        }
                        b = b.add(VECTORS * S::LANES);
                        k += 1;
                    }
                }
                for pointer in &mut a {
                    // The last step may lead outside: never read there.
                    *pointer = pointer.wrapping_add(self.runs.stride);
                }
            }
            for r in 0..ROWS {
                let c = self.c.at(rows[r].c as usize);
                if self.columns == VECTORS * S::LANES {
                    for v in 0..VECTORS {
                        sums[r][v].add(bias[v]).store(c.add(v * S::LANES));
                    }
                } else {
                    let mut buffer = [0.0_f32; PANEL];
                    for v in 0..VECTORS {
                        sums[r][v].add(bias[v]).store(buffer.as_mut_ptr().add(v * S::LANES));
                    }
                    std::ptr::copy_nonoverlapping(buffer.as_ptr(), c, self.columns);
                }
            }
        }
    }
}

impl Kernel for Product<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: the caller vouches for the instructions, `Product::run` for the bounds.
        unsafe {
            if self.width == 8 {
                self.rows::<S::Eight, 1>();
            } else if S::LANES == PANEL {
                self.rows::<S, 1>();
            } else {
                self.rows::<S, 2>();
            }
        }
    }
}

/// `c[m, :] += Σ_k a[k, m] · b[k, :]` for one panel of columns: the product of a
/// transposed matrix, as weight gradients need it.
pub(crate) struct OuterProduct<'a> {
    /// Values of one `k` are neighbours; `step` to the next `k` of a run.
    pub(crate) a: &'a [f32],
    pub(crate) step: usize,
    /// Runs of `k`.
    pub(crate) runs: Runs,
    /// `[k][width]`.
    pub(crate) b: &'a [f32],
    /// `[m][width]`, all of it written.
    pub(crate) c: &'a mut [f32],
    pub(crate) width: usize,
}

impl OuterProduct<'_> {
    /// Check every bound once, then run.
    pub(crate) fn run(self, level: Level) {
        let runs = self.runs;
        let rows = self.c.len() / self.width;
        if runs.depth() == 0 || rows == 0 {
            return;
        }
        assert!((runs.count - 1) * runs.stride + (runs.length - 1) * self.step + rows <= self.a.len());
        assert!(runs.depth() * self.width <= self.b.len());
        assert!(self.width == 8 || self.width == PANEL);
        // SAFETY: every place read or written was checked.
        unsafe { level.run(self) };
    }

    #[inline(always)]
    unsafe fn rows<S: Simd, const VECTORS: usize>(self) {
        // SAFETY: `run` checked the extent of all three.
        unsafe {
            let rows = self.c.len() / self.width;
            let most = if VECTORS == 1 { 8 } else { S::ROWS };
            let (a, c) = (self.a.as_ptr(), self.c.as_mut_ptr());
            let mut row = 0;
            while row < rows {
                let count = most.min(rows - row);
                let (a, c) = (a.add(row), c.add(row * self.width));
                match count {
                    8 => self.block::<S, 8, VECTORS>(a, c),
                    7 => self.block::<S, 7, VECTORS>(a, c),
                    6 => self.block::<S, 6, VECTORS>(a, c),
                    5 => self.block::<S, 5, VECTORS>(a, c),
                    4 => self.block::<S, 4, VECTORS>(a, c),
                    3 => self.block::<S, 3, VECTORS>(a, c),
                    2 => self.block::<S, 2, VECTORS>(a, c),
                    _ => self.block::<S, 1, VECTORS>(a, c),
                }
                row += count;
            }
        }
    }

    #[inline(always)]
    unsafe fn block<S: Simd, const ROWS: usize, const VECTORS: usize>(&self, a: *const f32, c: *mut f32) {
        // SAFETY: `run` checked the extent of all three.
        unsafe {
            let mut b = self.b.as_ptr();
            let mut sums = [[S::zero(); VECTORS]; ROWS];
            // Sums are long out of the cache: they come while the products are made.
            for r in 0..ROWS * VECTORS {
                S::fetch(c.add(r * S::LANES));
            }
            for run in 0..self.runs.count {
                let mut a = a.add(run * self.runs.stride);
                for _ in 0..self.runs.length {
                    let mut row = [S::zero(); VECTORS];
                    for v in 0..VECTORS {
                        row[v] = S::load(b.add(v * S::LANES));
                    }
                    for r in 0..ROWS {
                        let factor = S::splat(*a.add(r));
                        for v in 0..VECTORS {
                            sums[r][v] = factor.mul_add(row[v], sums[r][v]);
                        }
                    }
                    b = b.add(VECTORS * S::LANES);
                    // The last step may lead outside: never read there.
                    a = a.wrapping_add(self.step);
                }
            }
            for r in 0..ROWS {
                for v in 0..VECTORS {
                    let c = c.add((r * VECTORS + v) * S::LANES);
                    S::load(c).add(sums[r][v]).store(c);
                }
            }
        }
    }
}

impl Kernel for OuterProduct<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: the caller vouches for the instructions, `OuterProduct::run` for the bounds.
        unsafe {
            if self.width == 8 {
                self.rows::<S::Eight, 1>();
            } else if S::LANES == PANEL {
                self.rows::<S, 1>();
            } else {
                self.rows::<S, 2>();
            }
        }
    }
}

/// A buffer that several threads write, each its own places.
#[derive(Clone, Copy)]
pub(crate) struct Scatter<'a> {
    start: *mut f32,
    length: usize,
    borrow: std::marker::PhantomData<&'a mut [f32]>,
}

// SAFETY: only a pointer; writing through it is `unsafe` at the place where it is done,
// and whoever does it answers for the places being different.
unsafe impl Send for Scatter<'_> {}
// SAFETY: as above.
unsafe impl Sync for Scatter<'_> {}

impl<'a> Scatter<'a> {
    pub(crate) fn new(values: &'a mut [f32]) -> Self {
        Self { start: values.as_mut_ptr(), length: values.len(), borrow: std::marker::PhantomData }
    }

    pub(crate) const fn length(self) -> usize {
        self.length
    }

    /// The place of value `offset`.
    #[inline(always)]
    pub(crate) fn at(self, offset: usize) -> *mut f32 {
        debug_assert!(offset <= self.length);
        self.start.wrapping_add(offset)
    }

    /// A part of the buffer.
    pub(crate) fn part(self, from: usize, length: usize) -> Self {
        assert!(from + length <= self.length, "part outside of the buffer");
        Self { start: self.start.wrapping_add(from), length, ..self }
    }

    /// A part as a slice.
    ///
    /// # Safety
    /// Nobody else may touch these places while the slice lives.
    pub(crate) unsafe fn slice(self, from: usize, length: usize) -> &'a mut [f32] {
        assert!(from + length <= self.length, "part outside of the buffer");
        // SAFETY: inside the borrowed buffer; the caller answers for its being alone.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(from), length) }
    }
}

#[cfg(test)]
mod tests {
    use redyn_core::random::Stream;

    use super::*;

    fn random(n: usize, stream: &mut Stream) -> Vec<f32> {
        (0..n).map(|_| stream.between(-1.0, 1.0) as f32).collect()
    }

    #[test]
    fn panels_multiply_as_three_loops_do() {
        let mut stream = Stream::new(1, &[]);
        for level in Level::available() {
            for (rows, depth, columns) in [(1, 3, 5), (7, 9, 8), (13, 4, 16), (9, 20, 43), (8, 1, 24)] {
                let (a, b) = (random(rows * depth, &mut stream), random(depth * columns, &mut stream));
                let bias = random(columns, &mut stream);
                let packed = pack(depth, columns, |k, column| b[k * columns + column]);
                let table: Vec<Row> =
                    (0..rows).map(|r| Row { a: (r * depth) as u32, c: (r * columns) as u32 }).collect();
                let mut c = vec![f32::NAN; rows * columns];
                for panel in 0..panels(columns) {
                    let first = panel * PANEL;
                    let product = Product {
                        a: &a,
                        rows: &table,
                        runs: Runs::one(depth),
                        b: &packed[first * depth..],
                        bias: Some(&bias[first..]),
                        c: Scatter::new(&mut c[first..]),
                        columns: PANEL.min(columns - first),
                        width: panel_width(columns, panel),
                        ahead: if panel == 0 { &b } else { &[] },
                    };
                    // SAFETY: this thread is alone.
                    unsafe { product.run(level) };
                }
                for r in 0..rows {
                    for o in 0..columns {
                        let expected: f32 =
                            (0..depth).map(|k| a[r * depth + k] * b[k * columns + o]).sum::<f32>() + bias[o];
                        assert!((c[r * columns + o] - expected).abs() < 1e-5, "{} {r} {o}", level.name());
                    }
                }
            }
        }
    }

    #[test]
    fn outer_products_are_added_to_what_is_there() {
        let mut stream = Stream::new(2, &[]);
        for level in Level::available() {
            for (rows, width) in [(1, 8), (13, 8), (20, 16), (7, 16)] {
                let runs = Runs { count: 2, stride: 50, length: 3 };
                let step = 11;
                let (a, b) = (random(50 + 2 * step + rows, &mut stream), random(6 * width, &mut stream));
                let mut c = vec![1.0; rows * width];
                OuterProduct { a: &a, step, runs, b: &b, c: &mut c, width }.run(level);
                for m in 0..rows {
                    for o in 0..width {
                        let sum: f32 =
                            (0..6).map(|k| a[k / 3 * 50 + k % 3 * step + m] * b[k * width + o]).sum();
                        assert!((c[m * width + o] - 1.0 - sum).abs() < 1e-5, "{} {m} {o}", level.name());
                    }
                }
            }
        }
    }
}
