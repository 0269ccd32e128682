// SPDX-License-Identifier: Apache-2.0
//! Where the data lie, and what a crash does to them.

use std::path::Path;

use anyhow::Result;

use super::Mode;
use crate::{
    launch::{Launch, Server},
    random::Random,
};

/// The server's launch on a real or on a lossy disk.
#[derive(Debug)]
pub(super) struct Disk {
    launch: Launch,
    #[cfg(feature = "lossyfs")]
    lossy: Option<crate::lossyfs::LossyDisk>,
}

impl Disk {
    #[cfg(feature = "lossyfs")]
    pub(super) fn new(mut launch: Launch, folder: &Path, mode: Mode) -> Result<Self> {
        if mode == Mode::Kill {
            return Ok(Self { launch, lossy: None });
        }
        let mountpoint = folder.join("lossy");
        std::fs::create_dir_all(&mountpoint)?;
        let lossy = crate::lossyfs::LossyDisk::mount(&mountpoint)?;
        launch.data_dir = mountpoint.join("data");
        let data_dir = launch.data_dir.display().to_string();
        launch.set("ESTAFETTE__DATA_DIR", &data_dir);
        if mode == Mode::PowerLossControl {
            launch.set("ESTAFETTE__STORAGE__SYNCHRONOUS", "off");
        }
        Ok(Self { launch, lossy: Some(lossy) })
    }

    #[cfg(not(feature = "lossyfs"))]
    pub(super) fn new(launch: Launch, _folder: &Path, mode: Mode) -> Result<Self> {
        anyhow::ensure!(mode == Mode::Kill, "built without the lossy file system");
        Ok(Self { launch })
    }

    pub(super) fn launch(&self) -> &Launch {
        &self.launch
    }

    /// Everything written so far survives: the run begins from here.
    pub(super) fn flush(&mut self) {
        #[cfg(feature = "lossyfs")]
        if let Some(lossy) = &self.lossy {
            lossy.flush_all();
        }
    }

    /// Ends the server without warning. With a lossy disk the power goes first.
    pub(super) fn end(&self, server: Server) {
        #[cfg(feature = "lossyfs")]
        if let Some(lossy) = &self.lossy {
            lossy.cut();
        }
        server.kill();
    }

    /// What the disk holds when the machine is back.
    pub(super) fn restore(&mut self, random: &mut Random) -> Result<()> {
        #[cfg(feature = "lossyfs")]
        if let Some(lossy) = &mut self.lossy {
            lossy.restore(random)?;
        }
        let _ = random;
        Ok(())
    }
}
