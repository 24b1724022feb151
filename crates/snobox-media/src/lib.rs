//! The lock, the installer's ignition, a live ISO and a store become one bootable image; and an image is taken apart again to prove it.
//!
//! ```text
//! offset 0                                                                      4 MiB boundary
//! ┌──────────────────────────── live ISO ───────────────────────────┐  zeros  ┌──────── MBR partition 3 or 4 ────────┐
//! │ MBR │ … │ kargs areas │ … │ ignition area (xz cpio) │ … rootfs  │         │ ext4: store/, bin/ │ seal            │
//! └─────────────────────────────────────────────────────────────────┘         └──────────────────────────────────────┘
//! ```
//!
//! Trust hangs on the ignition: its file `/etc/snobox/image.json` ([`pins`](snobox_image::pins)) pins the live ISO as it was shipped, the cache's index, the agent and
//! the [`seal`](snobox_image::seal), and the seal pins every byte of the cache. Pure over readers and writers: this crate opens no file.

pub mod cache;
pub mod compose;
pub mod difference;
pub mod installer;
pub mod inventory;
pub mod lint;
pub mod overlay;
pub mod room;
pub mod verify;
