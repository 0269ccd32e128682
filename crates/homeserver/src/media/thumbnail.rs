// SPDX-License-Identifier: Apache-2.0
//! Thumbnails of PNG, JPEG, GIF and WebP pictures (Client-Server API, "Thumbnails").
//!
//! The format is told from the content, never from the type that the uploader gave (T-M2), and the
//! dimensions are read before anything is decoded (T-M3). Few pictures are decoded at once, away
//! from the async threads. What was made is cached per content and size class.

use std::{
    fs::{self, File},
    io::{self, BufReader, Cursor},
    path::{Path, PathBuf},
};

use estafette_core::limits::{
    MEDIA_ANIMATED_THUMBNAIL_BYTES_MAX, MEDIA_IMAGE_ALLOC_BYTES_MAX, MEDIA_IMAGE_PIXELS_MAX,
};
use estafette_store::media::ContentHash;
use image::{
    DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits,
    codecs::{jpeg::JpegEncoder, png::PngDecoder, webp::WebPDecoder},
    imageops::FilterType,
    metadata::Orientation,
};
use tokio::sync::Semaphore;

use super::{
    MediaFiles,
    files::{blocking, hex, write_cache_file},
};

mod size;

use size::Class;
pub(crate) use size::{Method, Request};

/// Quality of JPEG thumbnails, of 100.
const JPEG_QUALITY: u8 = 82;

/// A picture to be sent.
#[derive(Debug)]
pub(crate) enum Thumbnail {
    /// Smaller than the original, made by us.
    Made {
        /// The encoded picture.
        bytes: Vec<u8>,
        /// Its type.
        content_type: &'static str,
    },
    /// The original serves as well: it is not larger than what was asked for.
    Original {
        /// Its type, told from its content.
        content_type: &'static str,
    },
}

/// Why there is no thumbnail.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ThumbnailError {
    /// The content is gone.
    #[error("there is no such content")]
    Missing,
    /// Not a picture of a kind that is decoded here, or a broken one.
    #[error("no thumbnail can be made of this content")]
    Unsupported,
    /// More pixels than are decoded here.
    #[error("the picture is too large")]
    TooLarge,
    /// The disk refused.
    #[error(transparent)]
    File(#[from] io::Error),
}

/// The thumbnail of a content: from the cache, or made now by one of few at a time.
pub(super) async fn get(
    files: &MediaFiles,
    thumbnailers: &Semaphore,
    content: &ContentHash,
    request: Request,
) -> Result<Thumbnail, ThumbnailError> {
    let class = request.class();
    let cached = files.thumbnail_path(content, &class.name(request.animated));
    let source = files.path(content);
    let job = Job {
        temporary: files.incoming(&format!("{}-{}", hex(content), class.name(request.animated))),
        cached: cached.clone(),
        source,
        class,
        animated: request.animated,
    };
    if let Some(found) = blocking(move || read_cached(&cached)).await? {
        return Ok(found);
    }
    let permit = thumbnailers.acquire().await.map_err(io::Error::other)?;
    let made = tokio::task::spawn_blocking(move || job.run()).await.map_err(io::Error::other)?;
    drop(permit);
    made
}

fn read_cached(path: &Path) -> io::Result<Option<Thumbnail>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(bytes) => {
            let content_type = image::guess_format(&bytes).ok().and_then(safe_type);
            Ok(content_type.map(|content_type| Thumbnail::Made { bytes, content_type }))
        }
    }
}

/// One thumbnail to make.
struct Job {
    source: PathBuf,
    cached: PathBuf,
    temporary: PathBuf,
    class: Class,
    animated: bool,
}

impl Job {
    fn run(self) -> Result<Thumbnail, ThumbnailError> {
        // While this one waited its turn, another may have made the same.
        if let Some(found) = read_cached(&self.cached)? {
            return Ok(found);
        }
        let source = match File::open(&self.source) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ThumbnailError::Missing);
            }
            opened => opened?,
        };
        let bytes = source.metadata()?.len();
        let picture = Picture::inspect(source)?;
        let content_type = safe_type(picture.format).ok_or(ThumbnailError::Unsupported)?;
        if picture.animated && self.animated && bytes <= MEDIA_ANIMATED_THUMBNAIL_BYTES_MAX {
            return Ok(Thumbnail::Original { content_type });
        }
        let target = self.class.target(picture.width, picture.height);
        if target.is_none() && !picture.animated {
            return Ok(Thumbnail::Original { content_type });
        }
        let image = picture.decode()?;
        let image = match target {
            Some(target) => target.apply(image),
            None => image,
        };
        let (bytes, content_type) = encode(&image)?;
        write_cache_file(&self.temporary, &self.cached, &bytes)?;
        Ok(Thumbnail::Made { bytes, content_type })
    }
}

/// A picture whose head was read.
struct Picture {
    format: ImageFormat,
    /// Width as shown, once turned upright.
    width: u32,
    /// Height as shown.
    height: u32,
    animated: bool,
    orientation: Orientation,
    source: File,
}

impl Picture {
    fn inspect(source: File) -> Result<Self, ThumbnailError> {
        let reader = open(&source)?;
        let format = reader.format().filter(|format| safe_type(*format).is_some());
        let format = format.ok_or(ThumbnailError::Unsupported)?;
        let mut decoder = reader.into_decoder().map_err(refused)?;
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > MEDIA_IMAGE_PIXELS_MAX {
            return Err(ThumbnailError::TooLarge);
        }
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        drop(decoder);
        let turned = matches!(
            orientation,
            Orientation::Rotate90
                | Orientation::Rotate270
                | Orientation::Rotate90FlipH
                | Orientation::Rotate270FlipH
        );
        let (width, height) = if turned { (height, width) } else { (width, height) };
        let animated = is_animated(&source, format)?;
        Ok(Self { format, width, height, animated, orientation, source })
    }

    /// The picture, upright; of an animation, the first frame.
    fn decode(self) -> Result<DynamicImage, ThumbnailError> {
        let decoder = open(&self.source)?.into_decoder().map_err(refused)?;
        let mut image = DynamicImage::from_decoder(decoder).map_err(refused)?;
        image.apply_orientation(self.orientation);
        Ok(image)
    }
}

fn open(source: &File) -> io::Result<ImageReader<BufReader<File>>> {
    use std::io::Seek as _;
    let mut source = source.try_clone()?;
    source.rewind()?;
    let mut reader = ImageReader::new(BufReader::new(source)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MEDIA_IMAGE_ALLOC_BYTES_MAX);
    reader.limits(limits);
    Ok(reader)
}

/// Whether there may be more than one frame. Every GIF counts: telling would mean to decode it.
fn is_animated(source: &File, format: ImageFormat) -> Result<bool, ThumbnailError> {
    use std::io::Seek as _;
    let mut source = source.try_clone()?;
    source.rewind()?;
    let source = BufReader::new(source);
    match format {
        ImageFormat::Gif => Ok(true),
        ImageFormat::Png => {
            PngDecoder::new(source).and_then(|decoder| decoder.is_apng()).map_err(refused)
        }
        ImageFormat::WebP => {
            WebPDecoder::new(source).map(|decoder| decoder.has_animation()).map_err(refused)
        }
        _ => Ok(false),
    }
}

fn refused(error: image::ImageError) -> ThumbnailError {
    match error {
        image::ImageError::Limits(_) => ThumbnailError::TooLarge,
        _ => ThumbnailError::Unsupported,
    }
}

/// The formats that are decoded here, and served inline.
fn safe_type(format: ImageFormat) -> Option<&'static str> {
    match format {
        ImageFormat::Png => Some("image/png"),
        ImageFormat::Jpeg => Some("image/jpeg"),
        ImageFormat::Gif => Some("image/gif"),
        ImageFormat::WebP => Some("image/webp"),
        _ => None,
    }
}

/// PNG where there is transparency, else JPEG; eight bits per channel.
fn encode(image: &DynamicImage) -> Result<(Vec<u8>, &'static str), ThumbnailError> {
    let mut bytes = Cursor::new(Vec::new());
    if image.color().has_alpha() {
        let image = image.to_rgba8();
        if image.pixels().any(|pixel| pixel.0.last() != Some(&u8::MAX)) {
            image.write_to(&mut bytes, ImageFormat::Png).map_err(refused)?;
            return Ok((bytes.into_inner(), "image/png"));
        }
    }
    let encoder = JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
    image.to_rgb8().write_with_encoder(encoder).map_err(refused)?;
    Ok((bytes.into_inner(), "image/jpeg"))
}

/// Shrinks in two steps: coarse and cheap to twice the size, then well.
fn shrink(image: DynamicImage, width: u32, height: u32) -> DynamicImage {
    let (coarse_w, coarse_h) = (width.saturating_mul(2), height.saturating_mul(2));
    let image = if image.width() > coarse_w && image.height() > coarse_h {
        image.thumbnail_exact(coarse_w, coarse_h)
    } else {
        image
    };
    image.resize_exact(width, height, FilterType::CatmullRom)
}
