// SPDX-License-Identifier: Apache-2.0
//! Without these a file could be lost, served to the wrong browser in the wrong way, or never end.

use std::{io::Cursor, sync::Arc};

use axum::body::Body;
use http::Method;
use image::{DynamicImage, ImageFormat, RgbImage, RgbaImage};

use super::*;
use crate::testing::{Answer, TestServer};

const ALICE: &str = "@a:x.fr";
const BOB: &str = "@b:x.fr";

async fn upload(server: &TestServer, kind: &str, name: &str, body: impl Into<Body>) -> Answer {
    let request = http::Request::post(format!("/_matrix/media/v3/upload?filename={name}"))
        .header("authorization", format!("Bearer {ALICE}"))
        .header("content-type", kind);
    server.send(request.body(body.into()).unwrap()).await
}

fn media_id(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.bytes);
    let uri = answer.json()["content_uri"].as_str().unwrap().to_owned();
    uri.strip_prefix("mxc://x.fr/").unwrap().to_owned()
}

async fn get(server: &TestServer, rest: &str) -> Answer {
    let path = format!("/_matrix/client/v1/media/{rest}");
    server.ask(Method::GET, &path, BOB, Body::empty()).await
}

async fn get_with(server: &TestServer, rest: &str, name: &str, value: &str) -> Answer {
    let request = http::Request::get(format!("/_matrix/client/v1/media/{rest}"))
        .header("authorization", format!("Bearer {BOB}"))
        .header(name, value);
    server.send(request.body(Body::empty()).unwrap()).await
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

fn errcode(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.json()["errcode"].as_str().unwrap().to_owned())
}

fn files(server: &TestServer) -> usize {
    let root = server.server.config.data_dir.join("media");
    let hashed = (0..=255u8).map(|byte| root.join(format!("{byte:02x}")));
    hashed.map(|folder| std::fs::read_dir(folder).unwrap().count()).sum()
}

fn incoming(server: &TestServer) -> usize {
    std::fs::read_dir(server.server.config.data_dir.join("media/incoming")).unwrap().count()
}

#[tokio::test]
async fn what_was_uploaded_is_served_with_its_name_and_guarded_headers() {
    let server = TestServer::start().await;
    let id = media_id(&upload(&server, "text/plain", "War%20and%20Peace.txt", "text").await);
    let answer = get(&server, &format!("download/x.fr/{id}")).await;
    assert_eq!((answer.status, answer.bytes.as_ref()), (StatusCode::OK, b"text".as_slice()));
    assert_eq!(header(&answer, "content-type"), "text/plain");
    assert_eq!(header(&answer, "content-length"), "4");
    assert_eq!(header(&answer, "content-disposition"), "inline; filename=\"War and Peace.txt\"");
    assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
    assert_eq!(header(&answer, "cross-origin-resource-policy"), "cross-origin");
    assert!(header(&answer, "content-security-policy").starts_with("sandbox; default-src 'none'"));
    assert!(header(&answer, "cache-control").contains("immutable"));
    let answer = get(&server, &format!("download/x.fr/{id}/h%C3%A9%22.txt")).await;
    let expected = "inline; filename*=utf-8''h%C3%A9%22.txt";
    assert_eq!(header(&answer, "content-disposition"), expected);
    let request = http::Request::head(format!("/_matrix/client/v1/media/download/x.fr/{id}"))
        .header("authorization", format!("Bearer {BOB}"));
    let answer = server.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!((header(&answer, "content-length"), answer.bytes.len()), ("4", 0));
}

#[tokio::test]
async fn what_a_browser_could_run_is_only_ever_an_attachment() {
    let server = TestServer::start().await;
    for (kind, served, disposition) in [
        ("text/html", "text/html", "attachment"),
        ("image/svg+xml", "image/svg+xml", "attachment"),
        ("TEXT/HTML; charset=utf-8", "TEXT/HTML; charset=utf-8", "attachment"),
        ("application/xhtml+xml", "application/xhtml+xml", "attachment"),
        ("Image/PNG", "Image/PNG", "inline"),
        ("text/plain;charset=utf-8", "text/plain;charset=utf-8", "inline"),
        ("text/plain, text/html", "application/octet-stream", "attachment"),
        ("nonsense", "application/octet-stream", "attachment"),
        ("", "application/octet-stream", "attachment"),
    ] {
        let id = media_id(&upload(&server, kind, "", "<script>").await);
        let answer = get(&server, &format!("download/x.fr/{id}")).await;
        assert_eq!(header(&answer, "content-type"), served, "{kind}");
        assert_eq!(header(&answer, "content-disposition"), disposition, "{kind}");
    }
}

#[tokio::test]
async fn large_files_come_back_whole_and_in_parts() {
    let server = TestServer::start().await;
    let bytes: Vec<u8> =
        (0..3_000_001u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let id = media_id(&upload(&server, "application/octet-stream", "", bytes.clone()).await);
    let path = format!("download/x.fr/{id}");
    let whole = get(&server, &path).await;
    assert_eq!(header(&whole, "content-length"), "3000001");
    assert!(whole.bytes == bytes);
    for (range, part) in [
        ("bytes=0-99", 0..100),
        ("bytes=1000000-2500000", 1_000_000..2_500_001),
        ("bytes=2999999-", 2_999_999..3_000_001),
        ("bytes=-5", 2_999_996..3_000_001),
    ] {
        let answer = get_with(&server, &path, "range", range).await;
        assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT, "{range}");
        let expected = format!("bytes {}-{}/3000001", part.start, part.end - 1);
        assert_eq!(header(&answer, "content-range"), expected);
        assert!(answer.bytes == bytes[part], "{range}");
    }
    let answer = get_with(&server, &path, "range", "bytes=3000001-").await;
    assert_eq!(answer.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(header(&answer, "content-range"), "bytes */3000001");
    let tag = header(&whole, "etag").to_owned();
    let answer = get_with(&server, &path, "if-none-match", &tag).await;
    assert_eq!((answer.status, answer.bytes.len()), (StatusCode::NOT_MODIFIED, 0));
}

#[tokio::test]
async fn an_empty_file_is_a_file() {
    let server = TestServer::start().await;
    let id = media_id(&upload(&server, "text/plain", "", Body::empty()).await);
    let answer = get(&server, &format!("download/x.fr/{id}")).await;
    assert_eq!((answer.status, answer.bytes.len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn nothing_is_served_without_a_token_or_from_elsewhere() {
    let server = TestServer::start().await;
    let id = media_id(&upload(&server, "text/plain", "", "secret").await);
    let ask = async |path: String| {
        server.send(http::Request::get(path).body(Body::empty()).unwrap()).await
    };
    let answer = ask(format!("/_matrix/client/v1/media/download/x.fr/{id}")).await;
    assert_eq!(errcode(&answer), (401, "M_MISSING_TOKEN".into()));
    for old in ["download", "thumbnail"] {
        let path = format!("/_matrix/media/v3/{old}/x.fr/{id}?width=9&height=9");
        assert_eq!(errcode(&ask(path).await), (404, "M_NOT_FOUND".into()), "frozen");
    }
    for unknown in [
        "download/x.fr/nothing".to_owned(),
        format!("download/other.fr/{id}"),
        "download/x.fr/..%2F..%2Festafette.db".to_owned(),
        "download/x.fr/%2e%2e".to_owned(),
    ] {
        assert_eq!(
            errcode(&get(&server, &unknown).await),
            (404, "M_NOT_FOUND".into()),
            "{unknown}"
        );
    }
    let open = TestServer::with(|config| config.media.unauthenticated = true).await;
    let id = media_id(&upload(&open, "text/plain", "", "open").await);
    let request = http::Request::get(format!("/_matrix/media/r0/download/x.fr/{id}"));
    let answer = open.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.bytes.as_ref(), b"open");
}

#[tokio::test]
async fn an_upload_beyond_the_limit_leaves_nothing() {
    let server = TestServer::with(|config| config.media.upload_bytes_max = 3_000_000).await;
    let announced = upload(&server, "text/plain", "", vec![0; 3_000_001]).await;
    assert_eq!(errcode(&announced), (413, "M_TOO_LARGE".into()));
    // Without a length the end is only found while it streams.
    let chunks = (0..40).map(|_| Ok::<_, std::io::Error>(vec![0u8; 100_000]));
    let streamed = Body::from_stream(futures_util::stream::iter(chunks));
    let streamed = upload(&server, "text/plain", "", streamed).await;
    assert_eq!(errcode(&streamed), (413, "M_TOO_LARGE".into()));
    let broken = (0..30).map(|n| match n {
        29 => Err(std::io::Error::other("gone")),
        _ => Ok(vec![0u8; 100_000]),
    });
    let broken = Body::from_stream(futures_util::stream::iter(broken));
    assert_eq!(upload(&server, "text/plain", "", broken).await.status, StatusCode::BAD_REQUEST);
    assert_eq!((files(&server), incoming(&server)), (0, 0));
    media_id(&upload(&server, "text/plain", "", vec![0; 3_000_000]).await);
    assert_eq!((files(&server), incoming(&server)), (1, 0));
}

#[tokio::test]
async fn equal_contents_are_one_file_that_goes_with_the_last_id() {
    let server = TestServer::start().await;
    let first = media_id(&upload(&server, "image/png", "", "same").await);
    let second = media_id(&upload(&server, "text/plain", "", "same").await);
    assert_ne!(first, second);
    assert_eq!(files(&server), 1);
    let service = &server.server.media;
    assert!(service.delete(&server.server, &first).await.unwrap());
    assert_eq!(get(&server, &format!("download/x.fr/{first}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(get(&server, &format!("download/x.fr/{second}")).await.bytes.as_ref(), b"same");
    assert!(service.delete(&server.server, &second).await.unwrap());
    assert_eq!(files(&server), 0);
    assert!(!service.delete(&server.server, &second).await.unwrap());
}

/// Uploads and deletions of one content race; what was acknowledged must always be readable.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_deletion_never_takes_the_file_of_a_concurrent_upload() {
    let server = Arc::new(TestServer::start().await);
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8 {
        let server = Arc::clone(&server);
        tasks.spawn(async move {
            for _ in 0..20 {
                let id = media_id(&upload(&server, "text/plain", "", "same").await);
                let answer = get(&server, &format!("download/x.fr/{id}")).await;
                assert_eq!(answer.bytes.as_ref(), b"same", "task {task}");
                server.server.media.delete(&server.server, &id).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert_eq!((files(&server), incoming(&server)), (0, 0));
}

#[tokio::test]
async fn a_reserved_id_is_waited_for_and_written_once() {
    let server = TestServer::start().await;
    let create =
        async || server.ask(Method::POST, "/_matrix/media/v1/create", ALICE, Body::empty()).await;
    let created = create().await;
    let id = media_id(&created);
    assert_eq!(created.json()["unused_expires_at"], 1_700_086_400_000_i64);
    let path = format!("download/x.fr/{id}");
    let waits = format!("{path}?timeout_ms=60000");
    let early = get(&server, &format!("{path}?timeout_ms=1")).await;
    assert_eq!(errcode(&early), (504, "M_NOT_YET_UPLOADED".into()));
    let put = async |user: &str, id: &str| {
        let path = format!("/_matrix/media/v3/upload/x.fr/{id}?filename=f");
        server.ask(Method::PUT, &path, user, "late").await
    };
    assert_eq!(errcode(&put(BOB, &id).await), (403, "M_FORBIDDEN".into()));
    assert_eq!(errcode(&put(ALICE, "unknown").await), (404, "M_NOT_FOUND".into()));
    let (waited, uploaded) = tokio::join!(get(&server, &waits), put(ALICE, &id));
    assert_eq!(uploaded.json(), json!({}));
    assert_eq!(waited.bytes.as_ref(), b"late");
    assert_eq!(errcode(&put(ALICE, &id).await), (409, "M_CANNOT_OVERWRITE_MEDIA".into()));
    let expired = media_id(&create().await);
    server.clock.advance(86_400_000);
    assert_eq!(errcode(&put(ALICE, &expired).await), (404, "M_NOT_FOUND".into()));
    let answer = get(&server, &format!("download/x.fr/{expired}")).await;
    assert_eq!(errcode(&answer), (404, "M_NOT_FOUND".into()));
    for _ in 0..MEDIA_PENDING_PER_USER_MAX {
        media_id(&create().await);
    }
    assert_eq!(errcode(&create().await), (429, "M_LIMIT_EXCEEDED".into()));
}

#[tokio::test]
async fn the_quota_is_told_before_and_after_the_bytes() {
    let server = TestServer::with(|config| config.media.account_bytes_max = 10).await;
    media_id(&upload(&server, "text/plain", "", "12345678").await);
    let refused = upload(&server, "text/plain", "", "12345678").await;
    assert_eq!(errcode(&refused), (403, "M_USER_LIMIT_EXCEEDED".into()));
    assert!(refused.json()["info_uri"].is_string());
    media_id(&upload(&server, "text/plain", "", "90").await);
}

fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let image = RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 7]));
    DynamicImage::from(image).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

async fn thumbnail(server: &TestServer, id: &str, query: &str) -> Answer {
    get(server, &format!("thumbnail/x.fr/{id}?{query}")).await
}

fn size(answer: &Answer) -> (u32, u32) {
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.bytes);
    let image = image::load_from_memory(&answer.bytes).unwrap();
    (image.width(), image.height())
}

#[tokio::test]
async fn thumbnails_are_large_enough_small_enough_and_cached() {
    let server = TestServer::start().await;
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif] {
        let original = picture(900, 600, format);
        // The type that the uploader gives does not matter.
        let id = media_id(&upload(&server, "application/pdf", "", original.clone()).await);
        let ask = async |query| thumbnail(&server, &id, query).await;
        let scaled = ask("width=300&height=200&method=scale").await;
        assert_eq!(size(&scaled), (360, 240), "{format:?}");
        assert_eq!(header(&scaled, "content-type"), "image/jpeg");
        assert!(header(&scaled, "content-disposition").starts_with("inline; filename="));
        assert_eq!(size(&ask("width=32&height=32&method=crop").await), (32, 32));
        let same = ask("width=300&height=200").await;
        assert!(same.bytes == scaled.bytes, "scale is the default, and made once");
        let large = ask("width=900&height=600&method=scale").await;
        if format == ImageFormat::Gif {
            // It could be moving, which was not asked for.
            assert_eq!((header(&large, "content-type"), size(&large)), ("image/jpeg", (900, 600)));
            let moving = ask("width=32&height=32&method=crop&animated=true").await;
            assert!(moving.bytes == original);
        } else {
            assert!(large.bytes == original, "never enlarged");
        }
        let tag = header(&scaled, "etag");
        let path = format!("thumbnail/x.fr/{id}?width=300&height=200");
        let again = get_with(&server, &path, "if-none-match", tag).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
        server.server.media.delete(&server.server, &id).await.unwrap();
    }
    let cache = server.server.config.data_dir.join("media/thumbnails");
    let left: usize = std::fs::read_dir(cache)
        .unwrap()
        .map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap().count())
        .sum();
    assert_eq!((left, incoming(&server)), (0, 0), "thumbnails go with the content");
}

#[tokio::test]
async fn transparency_survives() {
    let server = TestServer::start().await;
    let mut bytes = Cursor::new(Vec::new());
    let clear = RgbaImage::from_pixel(200, 200, image::Rgba([1, 2, 3, 0]));
    DynamicImage::from(clear).write_to(&mut bytes, ImageFormat::Png).unwrap();
    let id = media_id(&upload(&server, "image/png", "", bytes.into_inner()).await);
    let answer = thumbnail(&server, &id, "width=96&height=96&method=crop").await;
    assert_eq!(header(&answer, "content-type"), "image/png");
    let pixel = image::load_from_memory(&answer.bytes).unwrap().to_rgba8().get_pixel(5, 5).0;
    assert_eq!(pixel[3], 0);
}

/// The head of a PNG that claims to be 100,000 pixels wide and high (T-M3).
fn bomb() -> Vec<u8> {
    let mut bytes = picture(1, 1, ImageFormat::Png);
    bytes[16..20].copy_from_slice(&100_000_u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&100_000_u32.to_be_bytes());
    let crc = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.to_be_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (0u32.wrapping_sub(crc & 1)))
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[tokio::test]
async fn hostile_pictures_are_refused_before_they_are_decoded() {
    let server = TestServer::start().await;
    let ask = async |body: Vec<u8>, query: &str| {
        let id = media_id(&upload(&server, "image/png", "", body).await);
        errcode(&thumbnail(&server, &id, query).await)
    };
    let small = "width=32&height=32";
    assert_eq!(ask(bomb(), small).await, (413, "M_TOO_LARGE".into()));
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec();
    let mut cut = picture(300, 300, ImageFormat::Png);
    cut.truncate(cut.len() / 2);
    for broken in [svg, cut, b"BM6\0".to_vec(), Vec::new(), b"\x89PNG\r\n\x1a\n".to_vec()] {
        assert_eq!(ask(broken, small).await, (400, "M_UNKNOWN".into()));
    }
    let good = picture(50, 50, ImageFormat::Png);
    for query in ["width=0&height=5", "width=-1&height=5", "width=5", "width=5&height=5&method=x"] {
        let refused = ask(good.clone(), query).await;
        assert_eq!(refused, (400, "M_INVALID_PARAM".into()), "{query}");
    }
}

#[tokio::test]
async fn what_was_being_received_at_a_crash_is_gone_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("media");
    let files = crate::media::MediaFiles::open(&root).unwrap();
    std::fs::write(root.join("incoming/half"), "half").unwrap();
    drop(files);
    crate::media::MediaFiles::open(&root).unwrap();
    assert_eq!(std::fs::read_dir(root.join("incoming")).unwrap().count(), 0);
}

#[tokio::test]
async fn the_configuration_is_told_and_previews_are_refused() {
    let server = TestServer::start().await;
    assert_eq!(get(&server, "config").await.json(), json!({ "m.upload.size": 104_857_600 }));
    let answer = get(&server, "preview_url?url=http%3A%2F%2F127.0.0.1").await;
    assert_eq!(errcode(&answer), (403, "M_FORBIDDEN".into()));
}

/// Otherwise files are found by trying: whoever knows the id of a file may read it, so that an id
/// is as good as a secret (144 bits), and no two are alike or near each other.
#[tokio::test]
async fn nobody_guesses_the_id_of_a_file() {
    let server = TestServer::start().await;
    let ids: Vec<String> = (0..4_096).map(|_| crate::media::new_media_id(&server.server)).collect();
    let distinct: std::collections::HashSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len());
    for at in 0..24 {
        let mut counts = std::collections::HashMap::new();
        for id in &ids {
            *counts.entry(id.as_bytes()[at]).or_insert(0_u32) += 1;
        }
        // 64 letters, each 64 times on average; five standard deviations.
        assert_eq!(counts.len(), 64, "letter {at}");
        assert!(counts.values().all(|count| (24..=104).contains(count)), "letter {at}: {counts:?}");
    }
    assert!(ids.iter().all(|id| id.len() == 24));
}
