// SPDX-License-Identifier: Apache-2.0
//! `/sync`.

/// What a device was told that it need not be told again.
#[derive(Debug, Default)]
pub struct DeviceMemory {}
