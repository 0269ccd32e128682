// SPDX-License-Identifier: Apache-2.0
//! Serving a file: one chunk on its way to the socket, the next being read, no thread held.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _},
    ops::Range,
    path::PathBuf,
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use tokio::task::JoinHandle;

use super::files::blocking;

/// Bytes that are read at once.
const CHUNK_BYTES: u64 = 256 * 1024;

/// A stretch of a file, ready to be sent.
pub(crate) struct FileBody {
    file: File,
    first: Bytes,
    left: u64,
}

/// Opens a file and reads the first chunk of `range`. `None` when there is no such file.
pub(crate) async fn open_body(path: PathBuf, range: Range<u64>) -> io::Result<Option<FileBody>> {
    blocking(move || {
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        if range.start > 0 {
            file.seek(io::SeekFrom::Start(range.start))?;
        }
        let bytes = range.end.saturating_sub(range.start);
        let first = read_chunk(&mut file, bytes)?;
        let left = bytes - first.len() as u64;
        Ok(Some(FileBody { file, first, left }))
    })
    .await
}

impl FileBody {
    /// The body. It fails when the file turns out shorter than the store says, so that the receiver
    /// never takes half a file for a whole one.
    pub(crate) fn into_body(self) -> Body {
        if self.left == 0 {
            return Body::from(self.first);
        }
        let next = read_ahead(self.file, self.left);
        Body::from_stream(stream::try_unfold(Turn::First(self.first, next, self.left), Turn::take))
    }
}

type Reading = JoinHandle<io::Result<(File, Bytes)>>;

/// What the next poll of the body gives.
enum Turn {
    First(Bytes, Reading, u64),
    Next(Reading, u64),
    End,
}

impl Turn {
    async fn take(self) -> io::Result<Option<(Bytes, Self)>> {
        match self {
            Self::End => Ok(None),
            Self::First(chunk, next, left) => Ok(Some((chunk, Self::Next(next, left)))),
            Self::Next(reading, left) => {
                let (file, chunk) = reading.await.map_err(io::Error::other)??;
                let left = left - chunk.len() as u64;
                let turn =
                    if left == 0 { Self::End } else { Self::Next(read_ahead(file, left), left) };
                Ok(Some((chunk, turn)))
            }
        }
    }
}

fn read_ahead(mut file: File, left: u64) -> Reading {
    tokio::task::spawn_blocking(move || {
        let chunk = read_chunk(&mut file, left)?;
        Ok((file, chunk))
    })
}

/// Reads `min(left, CHUNK_BYTES)` bytes, and fails when they are not there.
fn read_chunk(file: &mut File, left: u64) -> io::Result<Bytes> {
    let wanted = left.min(CHUNK_BYTES);
    let mut chunk = Vec::with_capacity(usize::try_from(wanted).unwrap_or(0));
    let read = file.take(wanted).read_to_end(&mut chunk)?;
    if (read as u64) < wanted {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(chunk.into())
}
