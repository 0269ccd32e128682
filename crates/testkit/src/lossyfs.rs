// SPDX-License-Identifier: Apache-2.0
//! A FUSE file system that forgets what was not flushed: power loss without a machine to unplug.
//!
//! The content lives in this process's memory. [`LossyDisk::cut`] is the moment when the power
//! goes: from then on every write and every flush fails, so no server can acknowledge on the
//! strength of a flush that came too late. [`LossyDisk::restore`] gives back what a disk might
//! hold: all that was flushed, and of the rest nothing, or some pages, or some sectors of a page.

mod volume;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem,
    FopenFlags, Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr,
    ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyStatfs, ReplyWrite,
    Request, TimeOrNow, WriteFlags,
};

use crate::random::Random;
use volume::{Content, File, Folder, Node, PAGE, ROOT, Volume};

/// How long the kernel may keep what it was told; nobody else changes it.
const TTL: Duration = Duration::from_secs(3_600);

/// A mounted lossy disk. Dropping it unmounts and forgets everything.
#[derive(Debug)]
pub struct LossyDisk {
    mountpoint: PathBuf,
    volume: Arc<Mutex<Volume>>,
    session: Option<BackgroundSession>,
}

impl LossyDisk {
    /// Mounts an empty disk.
    ///
    /// # Errors
    /// Without `/dev/fuse` or the right to mount.
    pub fn mount(mountpoint: &Path) -> Result<Self> {
        let volume = Arc::new(Mutex::new(Volume::new()));
        let mut disk = Self { mountpoint: mountpoint.to_owned(), volume, session: None };
        disk.attach()?;
        Ok(disk)
    }

    fn attach(&mut self) -> Result<()> {
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("lossy".to_owned())];
        let lossy = Lossy(self.volume.clone());
        let session = fuser::spawn_mount(lossy, &self.mountpoint, &config)
            .context("cannot mount the lossy file system; it needs /dev/fuse and root")?;
        self.session = Some(session);
        Ok(())
    }

    /// As if everything written so far had been flushed.
    pub fn flush_all(&self) {
        lock(&self.volume).flush_all();
    }

    /// The power goes: nothing reaches the disk from here on.
    pub fn cut(&self) {
        lock(&self.volume).dead = true;
    }

    /// The machine is back, with what the disk holds. Nothing may have files open.
    ///
    /// # Errors
    /// When it cannot be unmounted or mounted again.
    pub fn restore(&mut self, random: &mut Random) -> Result<()> {
        // Unmounting throws away what the kernel has cached.
        if let Some(session) = self.session.take() {
            session.umount_and_join().context("cannot unmount the lossy file system")?;
        }
        lock(&self.volume).restore(random);
        self.attach()
    }
}

fn lock(volume: &Mutex<Volume>) -> MutexGuard<'_, Volume> {
    volume.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The kernel's side.
struct Lossy(Arc<Mutex<Volume>>);

impl Lossy {
    /// The volume, unless the power is gone.
    fn alive(&self) -> Result<MutexGuard<'_, Volume>, Errno> {
        let volume = lock(&self.0);
        if volume.dead { Err(Errno::EIO) } else { Ok(volume) }
    }

    fn add(
        &self,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        content: Content,
    ) -> Result<FileAttr, Errno> {
        let mut volume = self.alive()?;
        let node = Node { mode: (mode & 0o7777) as u16, content };
        let number = volume.add(parent.0, name, node).ok_or(Errno::ENOENT)?;
        attributes(&volume, number)
    }

    fn remove(&self, parent: INodeNo, name: &OsStr) -> Result<(), Errno> {
        let mut volume = self.alive()?;
        let folder = volume.folder(parent.0).ok_or(Errno::ENOENT)?;
        // The node stays: it may be open, and its name may come back when the power goes.
        folder.entries.remove(name).map(drop).ok_or(Errno::ENOENT)
    }

    fn look_up(&self, parent: INodeNo, name: &OsStr) -> Result<FileAttr, Errno> {
        let mut volume = lock(&self.0);
        let folder = volume.folder(parent.0).ok_or(Errno::ENOENT)?;
        let number = folder.entries.get(name).copied().ok_or(Errno::ENOENT)?;
        attributes(&volume, number)
    }

    fn change(
        &self,
        ino: INodeNo,
        mode: Option<u32>,
        size: Option<u64>,
    ) -> Result<FileAttr, Errno> {
        let mut volume = self.alive()?;
        if let Some(mode) = mode
            && let Some(node) = volume.nodes.get_mut(&ino.0)
        {
            node.mode = (mode & 0o7777) as u16;
        }
        if let Some(size) = size {
            volume.file(ino.0).ok_or(Errno::EISDIR)?.resize(size as usize);
        }
        attributes(&volume, ino.0)
    }

    fn move_entry(
        &self,
        from: (INodeNo, &OsStr),
        to: (INodeNo, &OsStr),
        flags: RenameFlags,
    ) -> Result<(), Errno> {
        let mut volume = self.alive()?;
        if !flags.is_empty() {
            return Err(Errno::EINVAL);
        }
        let source = volume.folder(from.0.0).ok_or(Errno::ENOENT)?;
        let number = source.entries.remove(from.1).ok_or(Errno::ENOENT)?;
        let target = volume.folder(to.0.0).ok_or(Errno::ENOENT)?;
        target.entries.insert(to.1.to_owned(), number);
        Ok(())
    }

    fn flush(&self, ino: INodeNo) -> Result<(), Errno> {
        let mut volume = self.alive()?;
        match volume.nodes.get_mut(&ino.0).map(|node| &mut node.content) {
            Some(Content::File(file)) => file.flush(),
            Some(Content::Folder(folder)) => folder.flush(),
            None => return Err(Errno::ENOENT),
        }
        Ok(())
    }
}

fn attributes(volume: &Volume, number: u64) -> Result<FileAttr, Errno> {
    let node = volume.nodes.get(&number).ok_or(Errno::ENOENT)?;
    let (kind, size) = match &node.content {
        Content::File(file) => (FileType::RegularFile, file.data.len()),
        Content::Folder(_) => (FileType::Directory, 0),
    };
    Ok(FileAttr {
        ino: INodeNo(number),
        size: size as u64,
        blocks: size.div_ceil(512) as u64,
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind,
        perm: node.mode,
        nlink: 1,
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
        rdev: 0,
        blksize: PAGE as u32,
        flags: 0,
    })
}

fn entry(reply: ReplyEntry, outcome: Result<FileAttr, Errno>) {
    match outcome {
        Ok(attributes) => reply.entry(&TTL, &attributes, Generation(0)),
        Err(errno) => reply.error(errno),
    }
}

fn attr(reply: ReplyAttr, outcome: Result<FileAttr, Errno>) {
    match outcome {
        Ok(attributes) => reply.attr(&TTL, &attributes),
        Err(errno) => reply.error(errno),
    }
}

fn empty(reply: ReplyEmpty, outcome: Result<(), Errno>) {
    match outcome {
        Ok(()) => reply.ok(),
        Err(errno) => reply.error(errno),
    }
}

impl Filesystem for Lossy {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        entry(reply, self.look_up(parent, name));
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        attr(reply, attributes(&lock(&self.0), ino.0));
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        attr(reply, self.change(ino, mode, size));
    }

    fn mkdir(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        entry(reply, self.add(parent, name, mode, Content::Folder(Folder::default())));
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        match self.add(parent, name, mode, Content::File(File::default())) {
            Ok(attributes) => {
                reply.created(&TTL, &attributes, Generation(0), FileHandle(0), FopenFlags::empty())
            }
            Err(errno) => reply.error(errno),
        }
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(reply, self.remove(parent, name));
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(reply, self.remove(parent, name));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        empty(reply, self.move_entry((parent, name), (newparent, newname), flags));
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let mut volume = lock(&self.0);
        let Some(file) = volume.file(ino.0) else { return reply.error(Errno::ENOENT) };
        let start = (offset as usize).min(file.data.len());
        let end = start.saturating_add(size as usize).min(file.data.len());
        reply.data(file.data.get(start..end).unwrap_or_default());
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let mut volume = match self.alive() {
            Ok(volume) => volume,
            Err(errno) => return reply.error(errno),
        };
        let Some(file) = volume.file(ino.0) else { return reply.error(Errno::ENOENT) };
        file.write(offset as usize, data);
        reply.written(data.len() as u32);
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        // Closing a file flushes nothing.
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        empty(reply, Lossy::flush(self, ino));
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        empty(reply, Lossy::flush(self, ino));
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let mut volume = lock(&self.0);
        let Some(folder) = volume.folder(ino.0) else { return reply.error(Errno::ENOTDIR) };
        let entries: Vec<_> = folder.entries.clone().into_iter().collect();
        for (index, (name, number)) in entries.into_iter().enumerate().skip(offset as usize) {
            let kind = match volume.file(number) {
                Some(_) => FileType::RegularFile,
                None => FileType::Directory,
            };
            if reply.add(INodeNo(number), index as u64 + 1, kind, &name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let blocks = 1 << 24;
        reply.statfs(blocks, blocks, blocks, 1 << 20, 1 << 20, PAGE as u32, 255, PAGE as u32);
    }
}

const _: () = assert!(ROOT == INodeNo::ROOT.0, "the root of both sides is one number");

#[cfg(test)]
mod tests;
