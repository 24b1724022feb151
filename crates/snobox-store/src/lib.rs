//! Verified blobs in a folder that is an OCI image layout.
//!
//! ```text
//! store/
//! ├── oci-layout               {"imageLayoutVersion":"1.0.0"}; locked by those who count on every blob, so that none is removed meanwhile
//! ├── index.json               one entry for each image, named by its upstream reference
//! ├── blobs/sha256/<hex>       each blob once: whole and hashed, or absent
//! └── .snobox/
//!     ├── lock                 held while somebody writes
//!     ├── ingest/              blobs on their way in
//!     ├── known/<name>         what was worked out from blobs: operators of a catalog, digests of tags
//!     ├── partial/<hex>        the first bytes of a blob: the next run goes on behind them
//!     ├── line-rate            how fast the line was, once it was known
//!     ├── quarantine/<hex>     bytes that came under this digest, and have another
//!     └── signatures/          sha256=<hex>/signature-<n>: what proves that a release is its publisher's
//! ```
//!
//! Any tool that reads OCI image layouts reads a store (`skopeo copy oci:store:NAME …`); `.snobox` is none of its business.
//! A store made before `partial` and `quarantine` gets them from the next writer. Readers need no lock: a blob appears by rename, after it was hashed and synced, and `index.json` is replaced whole.

mod checkup;
mod contents;
mod error;
mod export;
mod gc;
mod image_file;
pub mod import;
mod ingest;
mod inventory;
mod known;
mod line_rate;
mod lock;
mod platforms;
mod room;
mod signatures;
mod store;

pub use checkup::Checkup;
pub use contents::{FileKind, StoreFile};
pub use error::StoreError;
pub use export::ExportError;
pub use gc::{GcPlan, GcPolicy};
pub use ingest::{Ingest, Partial};
pub use inventory::{Inventory, StoredImage, entry_name};
pub use lock::{StoreLock, StoreReading, StoreSweep};
pub use room::{RESERVE_BYTES, is_out_of_inodes};
pub use store::Store;
