//! Why an ext4 image cannot be planned.

/// Why [`plan`](super::plan) refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Ext4Error {
    /// The volume label is not 1 to 16 printable ASCII characters.
    #[error("volume label {label:?} is not 1 to 16 printable ASCII characters")]
    Label {
        /// Label as given.
        label: String,
    },
    /// A path is empty, starts or ends with `/`, or holds `//`.
    #[error("path {path:?} has an empty component")]
    EmptyComponent {
        /// Path as given.
        path: String,
    },
    /// A path has a component `.` or `..`.
    #[error("path {path:?} has a component {component:?}")]
    DotComponent {
        /// Path as given.
        path: String,
        /// The component: `.` or `..`.
        component: String,
    },
    /// A path holds a NUL byte.
    #[error("path {path:?} holds a NUL byte")]
    NulByte {
        /// Path as given.
        path: String,
    },
    /// A component of a path is too long.
    #[error("path {path:?} has a component of {actual_bytes} bytes, more than {max_bytes}")]
    NameTooLong {
        /// Path as given.
        path: String,
        /// Length of the component in bytes.
        actual_bytes: usize,
        /// Longest component allowed in bytes.
        max_bytes: usize,
    },
    /// A path is too long as a whole.
    #[error("path {path:?} is {} bytes long, more than {max_bytes}", path.len())]
    PathTooLong {
        /// Path as given.
        path: String,
        /// Longest path allowed in bytes.
        max_bytes: usize,
    },
    /// A mode has bits beyond the permission bits.
    #[error("mode {mode:#o} of {path:?} has bits beyond 0o7777")]
    Mode {
        /// Path as given.
        path: String,
        /// Mode as given.
        mode: u16,
    },
    /// The inventory gives a path twice.
    #[error("path {path:?} is given twice")]
    Duplicate {
        /// The path.
        path: String,
    },
    /// A path is given as a file, and other paths lie below it.
    #[error("path {path:?} is given as a file and needed as a directory")]
    FileAndDirectory {
        /// The path that would be both.
        path: String,
    },
    /// A file is larger than [`MAX_FILE_BYTES`](super::MAX_FILE_BYTES).
    #[error("file {path:?} has {actual_bytes} bytes, more than {max_bytes}")]
    FileTooLarge {
        /// Path as given.
        path: String,
        /// Size of the file in bytes.
        actual_bytes: u64,
        /// Largest size allowed in bytes.
        max_bytes: u64,
    },
    /// The entries of a directory need more space than a directory can have.
    #[error("the entries of directory {path:?} need more than {max_bytes} bytes")]
    DirectoryTooLarge {
        /// Path of the directory; empty for the root.
        path: String,
        /// Largest size allowed in bytes.
        max_bytes: u64,
    },
    /// A directory has more subdirectories than a link count can say.
    #[error("directory {path:?} has {actual} subdirectories, more than {max}")]
    TooManySubdirectories {
        /// Path of the directory; empty for the root.
        path: String,
        /// Number of subdirectories.
        actual: usize,
        /// Largest number allowed.
        max: usize,
    },
    /// The number of files and directories does not fit an inode number.
    #[error("{actual} files and directories are more than an ext4 file system can number")]
    TooManyInodes {
        /// Number of files and directories, the root included.
        actual: usize,
    },
    /// The file system would have more than 2³² - 1 blocks (just under 16 TiB).
    #[error("the file system would need more than {max_blocks} blocks of 4096 bytes")]
    ImageTooLarge {
        /// Largest number of blocks allowed.
        max_blocks: u64,
    },
}
