//! Verified blobs in a folder that is an OCI image layout.
//!
//! ```text
//! store/
//! ├── oci-layout               {"imageLayoutVersion":"1.0.0"}
//! ├── index.json               one entry for each image, named by its upstream reference
//! ├── blobs/sha256/<hex>       each blob once: whole and hashed, or absent
//! └── .snobox/
//!     ├── lock                 held while somebody writes
//!     ├── ingest/              blobs on their way in
//!     ├── partial/<hex>        the first bytes of a blob: the next run goes on behind them
//!     └── quarantine/<hex>     bytes that came under this digest, and have another
//! ```
//!
//! Any tool that reads OCI image layouts reads a store (`skopeo copy oci:store:NAME …`); `.snobox` is none of its business.
//! A store made before `partial` and `quarantine` gets them from the next writer. Readers need no lock: a blob appears by rename, after it was hashed and synced, and `index.json` is replaced whole.

mod error;
mod image_file;
mod ingest;
mod room;
mod store;

pub use error::StoreError;
pub use ingest::{Ingest, Partial};
pub use store::{Store, StoreLock};
