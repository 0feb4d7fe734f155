//! The ZIP of an `.eval` log, read with bounds.

use std::io::{Read, Seek};

use flate2::Crc;
use flate2::read::DeflateDecoder;
use ruzstd::decoding::StreamingDecoder;
use zip::{CompressionMethod, ZipArchive};

use crate::foreign::{Fault, Limits};

/// An open archive.
#[derive(Debug)]
pub(super) struct Archive<R> {
    zip: ZipArchive<R>,
    limits: Limits,
}

impl<R: Read + Seek> Archive<R> {
    pub(super) fn open(source: R, limits: Limits) -> Result<Self, Fault> {
        let zip = ZipArchive::new(source).map_err(|error| Fault::Archive(error.to_string()))?;
        Ok(Self { zip, limits })
    }

    /// Names of members, in the order of the archive. Of several members of one name the last counts.
    pub(super) fn names(&self) -> Result<Vec<String>, Fault> {
        let names = self.zip.file_names().map(|name| name.map(std::borrow::Cow::into_owned));
        names.collect::<Result<_, _>>().map_err(|error| Fault::Archive(error.to_string()))
    }

    /// A member's content, `None` if there is none of this name.
    pub(super) fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        let Some(index) = self.zip.index_for_name(name) else { return Ok(None) };
        let member =
            self.zip.by_index_raw(index).map_err(|error| Fault::Archive(error.to_string()))?;
        let (method, crc, size) = (member.compression(), member.crc32(), member.size());
        if size > self.limits.bytes {
            return Err(self.limits.too_large());
        }
        let content = match method {
            CompressionMethod::Stored => self.limits.read(member)?,
            CompressionMethod::Deflated => self.limits.read(DeflateDecoder::new(member))?,
            CompressionMethod::ZSTD => unpack_zstd(&self.limits.read(member)?, self.limits)?,
            other => {
                return Err(Fault::Unsupported {
                    found: format!("compression by {other}"),
                    expected: "none, deflate and zstd",
                });
            }
        };
        let mut sum = Crc::new();
        sum.update(&content);
        if sum.sum() != crc || content.len() as u64 != size {
            return Err(Fault::Archive(
                "its checksum or its length is not what it should be".into(),
            ));
        }
        Ok(Some(content))
    }
}

/// Inspect starts another frame every 200 MiB.
fn unpack_zstd(mut packed: &[u8], limits: Limits) -> Result<Vec<u8>, Fault> {
    let mut content = Vec::new();
    while !packed.is_empty() {
        let frame = StreamingDecoder::new(&mut packed)
            .map_err(|error| Fault::Archive(error.to_string()))?;
        let left = limits.bytes - content.len() as u64;
        frame.take(left + 1).read_to_end(&mut content)?;
        if content.len() as u64 > limits.bytes {
            return Err(limits.too_large());
        }
    }
    Ok(content)
}
