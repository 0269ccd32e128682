// SPDX-License-Identifier: Apache-2.0
//! The mounted disk as a program sees it. Needs `/dev/fuse` and the right to mount.

use std::{fs, io::Write};

use super::*;

/// Without it a server could acknowledge on a flush that came after the power was gone.
#[test]
fn keeps_what_was_flushed_and_refuses_after_the_cut() {
    if !Path::new("/dev/fuse").exists() {
        eprintln!("not run: there is no /dev/fuse here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut disk = LossyDisk::mount(folder.path()).unwrap();
    let mut file = fs::File::create(folder.path().join("log")).unwrap();
    file.write_all(b"kept").unwrap();
    file.sync_all().unwrap();
    fs::File::open(folder.path()).unwrap().sync_all().unwrap();
    disk.cut();
    assert!(file.write_all(b"late").is_err() || file.sync_all().is_err());
    drop(file);
    disk.restore(&mut Random::new(1)).unwrap();
    assert_eq!(fs::read(folder.path().join("log")).unwrap(), b"kept");
    fs::rename(folder.path().join("log"), folder.path().join("moved")).unwrap();
    assert_eq!(fs::read(folder.path().join("moved")).unwrap(), b"kept");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
