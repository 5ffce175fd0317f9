//! Tensors as plain slices and rows, for kernels.

use std::borrow::Cow;

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::kernel::refused;

/// A tensor of numbers seen as rows.
pub(crate) struct Rows<'a, T: Clone> {
    pub(crate) data: Cow<'a, [T]>,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl<'a, T: Datum + Copy> Rows<'a, T> {
    /// Of a tensor of any number type, converted to `T`.
    pub(crate) fn of(tensor: &'a Tensor) -> TractResult<Self> {
        let (rows, columns) = matrix(tensor.shape())?;
        Ok(Self { data: numbers(tensor)?, rows, columns })
    }

    /// The same, refused unless it has `columns` columns.
    pub(crate) fn of_width(tensor: &'a Tensor, columns: usize) -> TractResult<Self> {
        let rows = Self::of(tensor)?;
        if rows.columns != columns {
            return Err(refused(format!("the model takes {columns} features, got {}", rows.columns)));
        }
        Ok(rows)
    }

    /// Row by row; a row of no columns is still a row.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[T]> {
        (0..self.rows).map(|row| self.data.get(row * self.columns..(row + 1) * self.columns).unwrap_or(&[]))
    }
}

/// Rows and columns of a shape: rank 2 as it is, rank 1 is one row.
pub(crate) fn matrix(shape: &[usize]) -> TractResult<(usize, usize)> {
    match shape {
        [columns] => Ok((1, *columns)),
        [rows, columns] => Ok((*rows, *columns)),
        _ => Err(refused(format!("the model takes one or two dimensions here, got {}", shape.len()))),
    }
}

/// A tensor's numbers as `T`, in order.
pub(crate) fn numbers<T: Datum + Copy>(tensor: &Tensor) -> TractResult<Cow<'_, [T]>> {
    if tensor.datum_type() == T::datum_type() {
        return Ok(Cow::Borrowed(tensor.try_as_plain_ram()?.as_slice::<T>()?));
    }
    if !(tensor.datum_type().is_number() || tensor.datum_type() == bool::datum_type()) {
        bail!("takes numbers, got {:?}", tensor.datum_type());
    }
    let cast = tensor.cast_to::<T>()?;
    Ok(Cow::Owned(cast.try_as_plain_ram()?.as_slice::<T>()?.to_vec()))
}

/// A tensor's strings, in order.
pub(crate) fn texts(tensor: &Tensor) -> TractResult<&[String]> {
    tensor.try_as_plain_ram()?.as_slice::<String>()
}

/// A tensor of `shape` over `data`.
pub(crate) fn tensor<T: Datum>(shape: &[usize], data: Vec<T>) -> TractResult<Tensor> {
    Ok(tract_ndarray::ArrayD::from_shape_vec(shape, data).context("the shape does not fit the data")?.into())
}
