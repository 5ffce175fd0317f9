use bytes::{BufMut, Bytes, BytesMut};

use super::{DataType, Tensor, TensorError};

fn elements(parts: &[&[u8]]) -> Bytes {
    let mut data = BytesMut::new();
    for part in parts {
        data.put_u32_le(u32::try_from(part.len()).unwrap());
        data.put_slice(part);
    }
    data.freeze()
}

#[test]
fn names_round_trip() {
    for datatype in DataType::ALL {
        assert_eq!(DataType::parse(datatype.as_str()), Some(datatype));
    }
    assert_eq!(DataType::parse("STRING"), Some(DataType::Bytes));
    assert_eq!(DataType::parse("fp32"), None);
}

#[test]
fn length_must_fit_shape() {
    assert!(Tensor::new("a", DataType::Fp32, vec![2, 3], Bytes::from(vec![0; 24])).is_ok());
    let error = Tensor::new("a", DataType::Fp32, vec![2, 3], Bytes::from(vec![0; 23])).unwrap_err();
    assert_eq!(error.to_string(), "tensor 'a': FP32 of shape [2, 3] needs 24 bytes, got 23");
}

#[test]
fn scalar_has_one_element_and_zero_dimension_none() {
    assert!(Tensor::new("a", DataType::Int64, vec![], Bytes::from(vec![0; 8])).is_ok());
    assert!(Tensor::new("a", DataType::Int64, vec![0, u64::MAX, u64::MAX], Bytes::new()).is_ok());
}

#[test]
fn overflowing_shape_is_refused() {
    let error = Tensor::new("a", DataType::Int8, vec![u64::MAX, 2], Bytes::new()).unwrap_err();
    assert_eq!(error, TensorError::ShapeOverflow("a".into()));
    let error = Tensor::new("a", DataType::Fp64, vec![u64::MAX / 4], Bytes::new()).unwrap_err();
    assert_eq!(error, TensorError::ShapeOverflow("a".into()));
}

#[test]
fn bytes_elements_are_counted() {
    let data = elements(&[b"", b"a\0b", &[0xff, 0xfe]]);
    let tensor = Tensor::new("s", DataType::Bytes, vec![3], data.clone()).unwrap();
    let found: Vec<Bytes> = tensor.bytes_elements().collect();
    assert_eq!(found, [&b""[..], &b"a\0b"[..], &[0xff, 0xfe][..]]);
    assert!(matches!(Tensor::new("s", DataType::Bytes, vec![2], data), Err(TensorError::WrongCount { actual: 3, .. })));
}

#[test]
fn torn_bytes_are_refused() {
    for data in [&[1, 0, 0][..], &[5, 0, 0, 0, b'a'][..], &[0xff, 0xff, 0xff, 0xff, 0][..]] {
        let error = Tensor::new("s", DataType::Bytes, vec![1], Bytes::copy_from_slice(data)).unwrap_err();
        assert_eq!(error, TensorError::TornElement("s".into()));
    }
}

#[test]
fn bool_bytes_are_zero_or_one() {
    assert!(Tensor::new("b", DataType::Bool, vec![2], Bytes::from_static(&[0, 1])).is_ok());
    assert_eq!(
        Tensor::new("b", DataType::Bool, vec![2], Bytes::from_static(&[0, 2])),
        Err(TensorError::NotBool("b".into()))
    );
}
