//! The folder in which a demo is prepared, and what makes it safe to be interrupted.
//!
//! ```text
//! DIR/recipe           what the folder is for, one line; another recipe empties the folder
//! DIR/lock             held by the one who prepares
//! DIR/*.badger         finished stages
//! DIR/pieces/...       finished pieces of unfinished stages
//! *.part               whatever was under way when somebody pulled the plug: overwritten
//! ```
//! A file is written under another name and renamed when it is whole, so what has its name is finished: the names are the
//! list of what is done, and there is no second list that could disagree.

use crate::failure::Failure;
use badgerserver::pack::{PackWriter, Summary, WriterOptions};
use std::fs::{self, File, OpenOptions};
use std::io::{Cursor, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Who made the packs.
const CREATOR: &str = "honeybadger";

/// A folder that belongs to one recipe.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Held while this process prepares.
    lock: Option<File>,
}

/// A pack under way: records wait in memory, which a demo has room for.
pub(crate) type Writer<'a> = PackWriter<&'a mut File, Cursor<Vec<u8>>>;

impl Folder {
    /// Opens the folder, or makes it. One of another recipe is emptied by [`Folder::begin`] only.
    pub(crate) fn open(path: PathBuf) -> Result<Folder, Failure> {
        fs::create_dir_all(&path).map_err(|error| Failure::io(&path, &error))?;
        Ok(Folder { path, lock: None })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether a file is there, and so is whole.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.path(name).is_file()
    }

    /// Whether the folder was made by this recipe.
    pub(crate) fn is_of(&self, recipe: &str) -> bool {
        fs::read_to_string(self.path("recipe")).is_ok_and(|text| text.trim_end() == recipe)
    }

    /// Takes the folder for preparing. What another recipe has left is removed.
    pub(crate) fn begin(&mut self, recipe: &str) -> Result<(), Failure> {
        let path = self.path("lock");
        let is_ours = path.is_file() || self.is_empty()?;
        if !is_ours {
            let what = format!("{}: has files of somebody else", self.path.display());
            return Err(Failure::new(what, "name a new or empty folder with --data"));
        }
        let mut options = OpenOptions::new();
        let lock = options.create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|error| Failure::io(&path, &error))?;
        if fs4::FileExt::try_lock(&lock).is_err() {
            let what = format!("{}: another honeybadger prepares it right now", self.path.display());
            return Err(Failure::new(what, "wait until it is done, or name another folder with --data"));
        }
        self.lock = Some(lock);
        if !self.is_of(recipe) {
            self.clear()?;
            self.write("recipe", format!("{recipe}\n").as_bytes())?;
        }
        Ok(())
    }

    fn is_empty(&self) -> Result<bool, Failure> {
        let mut entries = fs::read_dir(&self.path).map_err(|error| Failure::io(&self.path, &error))?;
        Ok(entries.next().is_none())
    }

    /// Removes what is in the folder, the recipe first: half a folder is nobody's.
    fn clear(&self) -> Result<(), Failure> {
        self.remove("recipe")?;
        self.remove_folder("pieces")?;
        for entry in fs::read_dir(&self.path).map_err(|error| Failure::io(&self.path, &error))? {
            let name = entry.map_err(|error| Failure::io(&self.path, &error))?.file_name();
            let name = name.to_string_lossy();
            if [".badger", ".ndjson", ".part"].iter().any(|ending| name.ends_with(ending)) {
                self.remove(&name)?;
            }
        }
        Ok(())
    }

    /// Ends the preparation: others may use the folder.
    pub(crate) fn end(&mut self) {
        self.lock = None;
    }

    /// Writes a file as a whole.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.write_with(name, |file| file.write_all(bytes))
    }

    /// Writes a file by what `fill` puts into it.
    pub(crate) fn write_with(
        &self,
        name: &str,
        fill: impl FnOnce(&mut std::io::BufWriter<&File>) -> std::io::Result<()>,
    ) -> Result<(), Failure> {
        let (path, part) = (self.path(name), self.path(&format!("{name}.part")));
        let written = File::create(&part).and_then(|file| {
            let mut out = std::io::BufWriter::with_capacity(256 * 1024, &file);
            fill(&mut out)?;
            out.flush()
        });
        written.and_then(|()| fs::rename(&part, &path)).map_err(|error| Failure::io(&path, &error))
    }

    pub(crate) fn make_folder(&self, name: &str) -> Result<(), Failure> {
        fs::create_dir_all(self.path(name)).map_err(|error| Failure::io(&self.path(name), &error))
    }

    /// Makes a pack; it has its name when all of it is on the disk. `fill` finishes the writer.
    pub(crate) fn pack(
        &self,
        name: &str,
        fill: impl FnOnce(Writer<'_>) -> Result<Summary, Failure>,
    ) -> Result<Summary, Failure> {
        let (path, part) = (self.path(name), self.path(&format!("{name}.part")));
        let failed = |error: std::io::Error| Failure::io(&path, &error);
        let mut options = OpenOptions::new();
        let mut file = options.create(true).truncate(true).read(true).write(true).open(&part).map_err(failed)?;
        let options = WriterOptions { creator: CREATOR.to_owned(), ..WriterOptions::default() };
        let writer = PackWriter::create(&mut file, Cursor::new(Vec::new()), options);
        let summary = fill(writer.map_err(|error| Failure::write(&path, error))?)?;
        file.sync_all().and_then(|()| fs::rename(&part, &path)).map_err(failed)?;
        Ok(summary)
    }

    pub(crate) fn remove(&self, name: &str) -> Result<(), Failure> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Failure::io(&self.path(name), &error)),
            _ => Ok(()),
        }
    }

    pub(crate) fn remove_folder(&self, name: &str) -> Result<(), Failure> {
        match fs::remove_dir_all(self.path(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Failure::io(&self.path(name), &error)),
            _ => Ok(()),
        }
    }

    /// Whether a picture is there and whole: a machine that lost its power may have kept a name without its bytes.
    pub(crate) fn has_jpeg(&self, name: &str) -> bool {
        let ends = |path: &Path| -> std::io::Result<bool> {
            let mut file = File::open(path)?;
            let (mut start, mut end) = ([0; 2], [0; 2]);
            file.read_exact(&mut start)?;
            file.seek(SeekFrom::End(-2))?;
            file.read_exact(&mut end)?;
            Ok(start == [0xff, 0xd8] && end == [0xff, 0xd9])
        };
        ends(&self.path(name)).unwrap_or(false)
    }
}
