//! Files read in every way, cut while they are read, and opened beneath a folder.

use super::*;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("badgerserver-file-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// A file of `bytes`, unmapped, mapped whole, mapped in part, and in memory.
fn every_store(bytes: &[u8]) -> Vec<(&'static str, ContentFile)> {
    guard::install().unwrap();
    let directory = std::env::temp_dir();
    let on_disk = |map: Range<u64>| {
        let file = unlinked_temporary(&directory).unwrap();
        file.write_all_at(bytes, 0).unwrap();
        let mut file = ContentFile::from_file(file).unwrap();
        assert_eq!(file.map(map.clone()), !map.is_empty());
        file
    };
    let len = bytes.len() as u64;
    vec![
        ("pread", on_disk(0..0)),
        ("mapped", on_disk(0..len)),
        ("mapped in part", on_disk(5000..len - 100)),
        ("memory", ContentFile::from_memory(bytes.to_vec())),
    ]
}

#[test]
fn every_store_reads_the_same() {
    let bytes: Vec<u8> = (0..20_000_u32).map(|at| (at % 251) as u8).collect();
    for (name, file) in every_store(&bytes) {
        assert_eq!(file.len(), 20_000, "{name}");
        for (offset, len) in [
            (0, 0),
            (0, 1),
            (5001, 8),
            (5001, 64),
            (5001, 256),
            (0, 20_000),
            (4095, 2),
            (4999, 200),
            (19_999, 1),
            (20_000, 0),
        ] {
            let mut into = vec![0; len];
            file.read_at(offset as u64, &mut into).unwrap();
            assert_eq!(into, bytes[offset..offset + len], "{name} {offset}+{len}");
        }
        for (offset, len) in [(0, 20_001), (20_000, 1), (20_001, 0), (u64::MAX, 1), (u64::MAX, 0)] {
            assert_eq!(file.read_at(offset, &mut vec![0; len]), Err(ReadError::Truncated), "{name} {offset}+{len}");
        }
    }
}

#[test]
fn a_file_cut_short_is_an_error_however_it_is_read() {
    let bytes = vec![7; 50_000];
    for (name, file) in every_store(&bytes) {
        let Store::Disk { file: disk, .. } = &file.store else { continue };
        disk.try_clone().unwrap().set_len(4096).unwrap();
        let mut into = [0; 100];
        let before = file.read_at(0, &mut into).and_then(|()| file.is_whole());
        assert_eq!(before.is_ok(), name != "mapped", "{name}: only a mapping that ends with the file sees every cut");
        assert_eq!(file.read_at(30_000, &mut into), Err(ReadError::Truncated), "{name}");
    }
}

/// Where `mmap` gave another place of the file than it was asked for, and said nothing.
#[test]
fn a_mapping_of_another_place_is_told_from_the_right_one() {
    guard::install().unwrap();
    let file = unlinked_temporary(&std::env::temp_dir()).unwrap();
    let page = page_bytes();
    let bytes: Vec<u8> = (0..3 * page).map(|at| (at / page) as u8 + 1).collect();
    file.write_all_at(&bytes, 0).unwrap();
    for range in [0..page, page..2 * page, page + 10..3 * page, 2 * page..2 * page + 5] {
        let mut mapping = Mapping::new(&file, range.clone()).unwrap();
        assert!(mapping.ends_like(&file) && mapping.is_of(&file), "{range:?}");
        let asked_for = mapping.offset;
        for page_wanted in (0..3).map(|number| number * page).filter(|&wanted| wanted != asked_for) {
            mapping.offset = page_wanted;
            assert!(!mapping.ends_like(&file), "{range:?} at {page_wanted}");
        }
        // Beyond the end of the file there is nothing to be like.
        mapping.offset = 3 * page;
        assert!(!mapping.ends_like(&file), "{range:?}");
    }
}

/// What is left of the last page reads as zeros, and no signal says so.
#[test]
fn a_cut_within_a_page_is_seen_by_the_last_byte() {
    let bytes = vec![7; 50_000];
    for cut in [49_999, 45_100, 45_056, 4097, 100, 1] {
        for (name, file) in every_store(&bytes).into_iter().filter(|store| store.0 == "mapped") {
            let Store::Disk { file: disk, .. } = &file.store else { continue };
            let disk = disk.try_clone().unwrap();
            disk.set_len(cut).unwrap();
            let read = |offset| file.read_at(offset, &mut [0; 50]).and_then(|()| file.is_whole());
            for offset in [0, cut.saturating_sub(50), cut] {
                assert_eq!(read(offset), Err(ReadError::Truncated), "{name}: {cut}, {offset}");
            }
            disk.set_len(50_000).unwrap();
            assert_eq!(read(0), Err(ReadError::Truncated), "{name}: longer again");
        }
    }
}

#[test]
fn files_are_opened_beneath_and_nothing_else_is() {
    let root = directory("beneath");
    std::fs::create_dir_all(root.join("site/a/b")).unwrap();
    std::fs::write(root.join("secret"), "secret").unwrap();
    std::fs::write(root.join("site/top"), "top").unwrap();
    std::fs::write(root.join("site/a/b/deep"), "deep").unwrap();
    symlink("top", root.join("site/link")).unwrap();
    symlink("a", root.join("site/folder")).unwrap();
    let site = Directory::open(&root.join("site")).unwrap();
    for (path, content) in [("top", Some(3)), ("a/b/deep", Some(4))] {
        assert_eq!(site.open_beneath(path).ok().map(|file| file.len()), content, "{path}");
    }
    for path in [
        "",
        ".",
        "..",
        "/top",
        "top/",
        "a//b/deep",
        "a/./b/deep",
        "../secret",
        "a/../../secret",
        "a",
        "a/b",
        "none",
        "link",
    ] {
        assert!(site.open_beneath(path).is_err(), "{path}");
    }
    for path in ["folder/b/deep", "top/deep", "to\0p"] {
        assert!(site.open_beneath(path).is_err(), "{path}");
    }
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn temporary_files_have_no_name() {
    let directory = directory("temporary");
    for file in [unlinked_temporary(&directory).unwrap(), named_and_unlinked(&directory).unwrap()] {
        file.write_all_at(b"bytes", 0).unwrap();
        assert_eq!(ContentFile::from_file(file).unwrap().len(), 5);
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
    }
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn only_regular_files_are_content() {
    assert_eq!(ContentFile::open(Path::new("/dev/null")).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    assert_eq!(ContentFile::open(Path::new("/")).unwrap_err().kind(), io::ErrorKind::InvalidInput);
}
