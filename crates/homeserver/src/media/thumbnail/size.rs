// SPDX-License-Identifier: Apache-2.0
//! Which size a thumbnail gets.
//!
//! Client-Server API, "Thumbnails": never smaller than asked for, never larger than the original,
//! `scale` keeps the proportions of the picture, `crop` has those of the request.

use image::DynamicImage;
use serde::Deserialize;

use super::shrink;

/// Sides that thumbnails have; what is asked for is rounded up to these.
const SIDES: &[u32] = &[32, 96, 128, 240, 320, 480, 640, 800, 1_024, 1_600];
/// The shorter side of a crop that is not square is rounded up to a multiple of this.
const CROP_STEP: u32 = 16;

/// How the picture is fitted to the size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Method {
    /// Cut to the proportions of the size.
    Crop,
    /// The whole picture.
    #[default]
    Scale,
}

/// What a client asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    /// Pixels.
    pub(crate) width: u32,
    /// Pixels.
    pub(crate) height: u32,
    /// How to fit.
    pub(crate) method: Method,
    /// Whether a moving picture is preferred.
    pub(crate) animated: bool,
}

/// One of a bounded number of sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Class {
    width: u32,
    height: u32,
    method: Method,
}

impl Request {
    /// What tells this thumbnail from others of the same content.
    pub(crate) fn tag(&self) -> String {
        format!("-{}", self.class().name(self.animated))
    }

    /// The smallest class that is at least as large. Beyond the largest, the largest.
    pub(super) fn class(&self) -> Class {
        let (width, height) = match self.method {
            Method::Scale => (round_up(self.width), round_up(self.height)),
            Method::Crop => crop_sides(self.width, self.height),
        };
        Class { width, height, method: self.method }
    }
}

fn round_up(side: u32) -> u32 {
    let largest = SIDES.last().copied().unwrap_or(side);
    SIDES.iter().copied().find(|known| *known >= side).unwrap_or(largest)
}

/// The longer side is rounded up, the shorter keeps the proportion as well as steps allow.
fn crop_sides(width: u32, height: u32) -> (u32, u32) {
    let (long, short) = (width.max(height).max(1), width.min(height).max(1));
    let class = round_up(long);
    let exact = (u64::from(short) * u64::from(class)).div_ceil(u64::from(long));
    let short = if short == long {
        class
    } else {
        u32::try_from(exact).unwrap_or(class).next_multiple_of(CROP_STEP).min(class)
    };
    if width >= height { (class, short) } else { (short, class) }
}

impl Class {
    /// The class in the name of a file.
    pub(super) fn name(&self, animated: bool) -> String {
        let method = match self.method {
            Method::Crop => "crop",
            Method::Scale => "scale",
        };
        let suffix = if animated { "-animated" } else { "" };
        format!("{}x{}-{method}{suffix}", self.width, self.height)
    }

    /// What to make of a picture of this size; `None` when that would not be smaller.
    pub(super) fn target(&self, width: u32, height: u32) -> Option<Target> {
        if width == 0 || height == 0 || (width <= self.width && height <= self.height) {
            return None;
        }
        // The size at which the picture just covers the class, never enlarged: the side that is
        // relatively shorter decides.
        let by_width = u64::from(self.width) * u64::from(height);
        let by_height = u64::from(self.height) * u64::from(width);
        let (scaled_w, scaled_h) = if by_width >= by_height {
            (u64::from(self.width), by_width.div_ceil(u64::from(width)))
        } else {
            (by_height.div_ceil(u64::from(height)), u64::from(self.height))
        };
        let scaled_w = u32::try_from(scaled_w).unwrap_or(width).clamp(1, width);
        let scaled_h = u32::try_from(scaled_h).unwrap_or(height).clamp(1, height);
        let crop = (self.method == Method::Crop)
            .then(|| (self.width.min(scaled_w), self.height.min(scaled_h)));
        if (scaled_w, scaled_h) == (width, height) && crop.is_none() {
            return None;
        }
        Some(Target { width: scaled_w, height: scaled_h, crop })
    }
}

/// How to make a thumbnail: shrink to a size, then cut the middle out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    width: u32,
    height: u32,
    crop: Option<(u32, u32)>,
}

impl Target {
    pub(super) fn apply(self, image: DynamicImage) -> DynamicImage {
        let image = shrink(image, self.width, self.height);
        match self.crop {
            None => image,
            Some((width, height)) => {
                let left = self.width.saturating_sub(width) / 2;
                let top = self.height.saturating_sub(height) / 2;
                image.crop_imm(left, top, width, height)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(request: (u32, u32, Method), picture: (u32, u32)) -> Option<(u32, u32)> {
        let (width, height, method) = request;
        let class = Request { width, height, method, animated: false }.class();
        let target = class.target(picture.0, picture.1)?;
        Some(target.crop.unwrap_or((target.width, target.height)))
    }

    /// Without these a client would get a picture that is too small, stretched or enlarged.
    #[test]
    fn never_smaller_than_asked_and_never_enlarged() {
        use Method::{Crop, Scale};
        for (request, picture, expected) in [
            ((320, 240, Scale), (3200, 2400), Some((320, 240))),
            ((320, 240, Scale), (3200, 3200), Some((320, 320))),
            ((320, 240, Scale), (200, 100), None),
            ((320, 240, Scale), (400, 100), None),
            ((320, 240, Scale), (320, 240), None),
            ((300, 200, Scale), (1000, 1000), Some((320, 320))),
            ((32, 32, Crop), (100, 200), Some((32, 32))),
            ((32, 32, Crop), (100, 20), Some((32, 20))),
            ((96, 48, Crop), (1000, 1000), Some((96, 48))),
            ((5000, 5000, Scale), (3000, 4000), Some((1600, 2134))),
            ((1, 1, Scale), (100_000, 1), None),
        ] {
            assert_eq!(target(request, picture), expected, "{request:?} of {picture:?}");
        }
    }

    /// Without a bound on the classes one picture could fill the disk with its thumbnails.
    #[test]
    fn the_number_of_classes_is_bounded() {
        let mut names = std::collections::HashSet::new();
        for width in (0..4000).step_by(7) {
            for height in (0..4000).step_by(11) {
                for method in [Method::Crop, Method::Scale] {
                    let request = Request { width, height, method, animated: false };
                    names.insert(request.class().name(false));
                }
            }
        }
        assert!(names.len() < 800, "{}", names.len());
    }
}
