//! The protobuf messages of forward and backward passes (package `tinker_public` of tinker 0.38.0), as far as
//! cross-entropy on text needs them.

use std::collections::BTreeMap;

/// The numbers of a tensor. Bytes are little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(super) enum Kind {
    Unspecified = 0,
    Float32 = 1,
    Int64 = 2,
    Int32 = 3,
    Bfloat16 = 4,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ForwardBackwardRequest {
    #[prost(string, tag = "1")]
    pub(super) model_id: String,
    #[prost(int32, tag = "2")]
    pub(super) seq_id: i32,
    #[prost(message, repeated, tag = "3")]
    pub(super) data: Vec<Datum>,
    #[prost(string, tag = "4")]
    pub(super) loss_fn: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Datum {
    #[prost(message, repeated, tag = "1")]
    pub(super) model_input: Vec<Chunk>,
    #[prost(btree_map = "string, message", tag = "2")]
    pub(super) loss_fn_inputs: BTreeMap<String, Tensor>,
}

/// One of several kinds at the service; only text here.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Chunk {
    #[prost(message, optional, tag = "1")]
    pub(super) encoded_text: Option<EncodedText>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct EncodedText {
    /// Tokens as 32-bit integers.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) tokens: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Tensor {
    /// Present even if empty: the service asks which encoding was chosen.
    #[prost(bytes = "vec", optional, tag = "1")]
    pub(super) dense: Option<Vec<u8>>,
    #[prost(enumeration = "Kind", tag = "3")]
    pub(super) dtype: i32,
    #[prost(int64, repeated, tag = "4")]
    pub(super) shape: Vec<i64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ForwardBackwardOutput {
    #[prost(string, tag = "1")]
    pub(super) loss_fn_output_type: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) loss_fn_outputs: Vec<ArrayRecord>,
    #[prost(btree_map = "string, double", tag = "3")]
    pub(super) metrics: BTreeMap<String, f64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ArrayRecord {
    #[prost(string, tag = "1")]
    pub(super) type_tag: String,
    #[prost(btree_map = "string, message", tag = "2")]
    pub(super) fields: BTreeMap<String, BatchedTensor>,
    #[prost(int64, tag = "3")]
    pub(super) num_datums: i64,
}

/// The tensors of several data, one after the other.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct BatchedTensor {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) data: Vec<u8>,
    /// Where each begins and the last ends, in bytes, as 64-bit integers.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) offsets: Vec<u8>,
    #[prost(enumeration = "Kind", tag = "3")]
    pub(super) dtype: i32,
    #[prost(int64, repeated, tag = "4")]
    pub(super) trailing_shape: Vec<i64>,
}
