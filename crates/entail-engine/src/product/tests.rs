use entail_schema::Stream;

use super::*;
use crate::test_support::{Tolerance, assert_close, normal, stream};

/// Sizes with nothing, one, primes, and both sides of a tile.
const SIZES: [usize; 12] = [0, 1, 2, 3, 7, 13, 16, 31, 64, 65, 97, 131];

/// A sum of at most 131 products of standard normal numbers is off by a few times its root in units of 2^-24
/// (f32) or 2^-53 (f64), about 131 of them at worst.
const SUM_OF_F32: Tolerance = Tolerance { absolute: 2e-5, relative: 1e-5 };
const SUM_OF_F64: Tolerance = Tolerance { absolute: 1e-13, relative: 1e-13 };

/// The specification: three loops. Rows of `left` and of `destination` start the given strides apart.
fn plain<T: Real>(
    destination: &mut [T],
    left: &[T],
    right: &[T],
    scale: T,
    into: Into,
    shape: &Shape,
) {
    for i in 0..shape.m {
        for j in 0..shape.n {
            let sum: T = (0..shape.k)
                .map(|l| left[i * shape.left_stride + l] * right[l * shape.n + j])
                .sum();
            let to = &mut destination[i * shape.stride + j];
            *to = if into == Into::Add { *to + scale * sum } else { scale * sum };
        }
    }
}

#[derive(Debug)]
struct Shape {
    m: usize,
    n: usize,
    k: usize,
    left_stride: usize,
    stride: usize,
}

impl Shape {
    fn random(stream: &mut Stream) -> Self {
        let [m, n, k] = [0; 3].map(|_| *stream.choose(&SIZES));
        Self { m, n, k, left_stride: k + stream.below(3), stride: n + stream.below(3) }
    }
}

/// The transpose of a dense `rows × cols` matrix.
fn transpose<T: Real>(data: &[T], rows: usize, cols: usize) -> Vec<T> {
    (0..cols * rows).map(|i| data[i % rows * cols + i / rows]).collect()
}

fn check_product<T: Real>(
    tolerance: Tolerance,
    call: fn(MatrixMut<'_, T>, Matrix<'_, T>, Matrix<'_, T>, T, Into),
) {
    let mut stream = stream("product");
    for round in 0..200 {
        let shape = Shape::random(&mut stream);
        let into = if round % 2 == 0 { Into::Add } else { Into::Overwrite };
        let scale = T::from_f64(stream.normal());
        let left: Vec<T> = normal(&mut stream, shape.m * shape.left_stride);
        let right: Vec<T> = normal(&mut stream, shape.k * shape.n);
        let mut got: Vec<T> = normal(&mut stream, shape.m * shape.stride);
        let mut want = got.clone();
        plain(&mut want, &left, &right, scale, into, &shape);
        let turned = transpose(&right, shape.k, shape.n);
        let right = match round % 3 {
            0 => Matrix::dense(&right, shape.k, shape.n),
            _ => Matrix::dense(&turned, shape.n, shape.k).transposed(),
        };
        let rows = Matrix::strided(&left, shape.m, shape.k, shape.left_stride);
        call(
            MatrixMut::strided(&mut got, shape.m, shape.n, shape.stride),
            rows,
            right,
            scale,
            into,
        );
        assert_close(&format!("{shape:?} {into:?}"), &got, &want, tolerance);
    }
}

#[test]
fn row_tiles_equal_three_loops() {
    check_product::<f32>(SUM_OF_F32, rows_product);
    check_product::<f64>(SUM_OF_F64, rows_product);
}

#[test]
fn one_call_equals_three_loops() {
    check_product::<f32>(SUM_OF_F32, product);
    check_product::<f64>(SUM_OF_F64, product);
}

#[test]
fn overwriting_does_not_read_what_was_there() {
    for k in [0, 3] {
        let mut out = [f32::NAN; 6];
        let (left, right) = (vec![0.0; 2 * k], vec![0.0; 3 * k]);
        let [rows, columns] = [Matrix::dense(&left, 2, k), Matrix::dense(&right, k, 3)];
        rows_product(MatrixMut::dense(&mut out, 2, 3), rows, columns, 1.0, Into::Overwrite);
        assert_close("zeros", &out, &[0.0; 6], SUM_OF_F32);
    }
}

#[test]
fn views_without_columns_need_no_entries() {
    let (empty, mut out) = ([0.0_f64; 0], [1.0_f64; 70]);
    let left = Matrix::strided(&empty, 70, 0, 5);
    rows_product(
        MatrixMut::dense(&mut out, 70, 1),
        left,
        Matrix::dense(&empty, 0, 1),
        1.0,
        Into::Add,
    );
    assert_close("unchanged", &out, &[1.0; 70], SUM_OF_F64);
    let left = Matrix::dense(&out, 70, 1);
    let nothing = MatrixMut::strided(&mut [], 70, 0, 5);
    rows_product(nothing, left, Matrix::dense(&empty, 1, 0), 1.0, Into::Overwrite);
}

#[test]
#[should_panic(expected = "fits its slice")]
fn a_view_past_its_slice_is_refused() {
    Matrix::strided(&[0.0_f32; 5], 2, 3, 3);
}

#[test]
#[should_panic(expected = "the shapes of a product chain")]
fn shapes_that_do_not_chain_are_refused() {
    let data = [0.0_f32; 6];
    let (left, right) = (Matrix::dense(&data, 2, 3), Matrix::dense(&data, 2, 3));
    product(MatrixMut::dense(&mut [0.0; 6], 2, 3), left, right, 1.0, Into::Overwrite);
}

/// The bits of the product's last row when `rows` stand in that order in a view of the given stride.
fn bits_of_each(rows: &[&[f32]], right: Matrix<'_, f32>, pad: usize) -> Vec<Vec<u32>> {
    let (k, n) = (right.rows, right.cols);
    let left: Vec<f32> =
        rows.iter().flat_map(|row| row.iter().copied().chain(vec![0.0; pad])).collect();
    let mut out = vec![0.5; rows.len() * (n + pad)];
    let view = MatrixMut::strided(&mut out, rows.len(), n, n + pad);
    rows_product(view, Matrix::strided(&left, rows.len(), k, k + pad), right, 0.7, Into::Add);
    out.chunks_exact(n + pad).map(|row| row[..n].iter().map(|x| x.to_bits()).collect()).collect()
}

#[test]
fn a_row_has_the_same_bits_in_any_company() {
    let mut stream = stream("rows");
    for (k, n) in [(1, 1), (3, 16), (16, 3), (37, 50), (64, 64), (129, 40), (256, 97), (600, 33)] {
        let right: Vec<f32> = normal(&mut stream, k * n);
        let rows: Vec<Vec<f32>> = (0..131).map(|_| normal(&mut stream, k)).collect();
        for right in [Matrix::dense(&right, k, n), Matrix::dense(&right, n, k).transposed()] {
            let alone: Vec<Vec<u32>> =
                rows.iter().flat_map(|row| bits_of_each(&[row], right, 0)).collect();
            for (m, pad) in [
                (2, 0),
                (3, 5),
                (5, 0),
                (16, 0),
                (63, 0),
                (64, 0),
                (64, 4),
                (65, 4),
                (100, 1),
                (131, 0),
            ] {
                let mut order: Vec<usize> = (0..rows.len()).collect();
                stream.shuffle(&mut order);
                order.truncate(m);
                let together = bits_of_each(
                    &order.iter().map(|&i| &rows[i][..]).collect::<Vec<_>>(),
                    right,
                    pad,
                );
                for (place, (&i, bits)) in order.iter().zip(together).enumerate() {
                    assert_eq!(
                        bits, alone[i],
                        "{k}x{n}: row {i} at place {place} of {m}, padding {pad}"
                    );
                }
            }
        }
    }
}
