use super::*;
use std::os::unix::fs::PermissionsExt as _;

struct Place {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    Place { path: folder.path().join("audit.log"), _folder: folder }
}

impl Place {
    fn open(&self, max_size: u64, keep: u32) -> LogFile {
        LogFile::open(FileSettings { path: self.path.clone(), max_size, keep }).unwrap()
    }

    fn read(&self, number: u32) -> String {
        let path = if number == 0 { self.path.clone() } else { numbered(&self.path, number) };
        fs::read_to_string(path).unwrap_or_default()
    }

    fn names(&self) -> Vec<String> {
        let folder = fs::read_dir(self.path.parent().unwrap()).unwrap();
        let mut names: Vec<String> =
            folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn write(file: &mut LogFile, lines: &str) {
    let written = file.write(lines.as_bytes());
    assert!(written.trouble.is_none(), "{:?}", written.trouble);
    assert_eq!(written.octets, lines.len());
}

#[test]
fn lines_are_appended_to_a_file_for_its_owner_alone() {
    let place = place();
    fs::write(&place.path, "before\n").unwrap();
    fs::remove_file(&place.path).unwrap();
    write(&mut place.open(1000, 2), "one\n");
    write(&mut place.open(1000, 2), "two\n");
    assert_eq!(place.read(0), "one\ntwo\n");
    assert_eq!(fs::metadata(&place.path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_file_that_is_full_is_turned_and_as_many_are_kept_as_was_said() {
    let place = place();
    let mut file = place.open(20, 3);
    for number in 10..30 {
        write(&mut file, &format!("line {number}.\n"));
    }
    // Two lines of nine octets, and one to pass the twenty.
    assert_eq!(place.names(), ["audit.log", "audit.log.1", "audit.log.2", "audit.log.3"]);
    let all: String = (0..=3).rev().map(|number| place.read(number)).collect();
    let lines: Vec<&str> = all.lines().collect();
    assert_eq!(lines.last(), Some(&"line 29."));
    let expected: Vec<String> = (30 - lines.len()..30).map(|number| format!("line {number}.")).collect();
    assert_eq!(lines, expected, "nothing is missing between the files");
    assert!((0..=3).all(|number| place.read(number).len() <= 27));
}

#[test]
fn a_batch_is_parted_between_lines() {
    let place = place();
    let lines: String = (0..9).map(|number| format!("{number}23456789\n")).collect();
    write(&mut place.open(20, 9), &lines);
    assert_eq!(place.read(4), "023456789\n123456789\n");
    assert_eq!(place.read(0), "823456789\n");
}

#[test]
fn a_line_longer_than_the_file_may_be_is_still_written() {
    let place = place();
    let mut file = place.open(5, 2);
    write(&mut file, "a long line\n");
    write(&mut file, "b\n");
    assert_eq!((place.read(1).as_str(), place.read(0).as_str()), ("a long line\n", "b\n"));
}

#[test]
fn who_moves_the_file_away_finds_a_new_one() {
    let place = place();
    let mut file = place.open(1000, 2);
    write(&mut file, "one\n");
    let moved = place.path.with_extension("moved");
    fs::rename(&place.path, &moved).unwrap();
    write(&mut file, "two\n");
    assert_eq!(fs::read_to_string(&moved).unwrap(), "one\n");
    assert_eq!(place.read(0), "two\n");
    fs::remove_file(&place.path).unwrap();
    write(&mut file, "three\n");
    assert_eq!(place.read(0), "three\n");
}

#[test]
fn two_who_write_lose_nothing_of_each_other() {
    let place = place();
    let (mut one, mut other) = (place.open(30, 9), place.open(30, 9));
    for number in 0..10 {
        write(&mut one, &format!("one {number}\n"));
        write(&mut other, &format!("other {number}\n"));
    }
    let all: String = (0..=9).rev().map(|number| place.read(number)).collect();
    assert_eq!(all.lines().count(), 20, "{all}");
}

#[test]
fn an_unfinished_line_of_an_earlier_process_is_not_continued() {
    let place = place();
    fs::write(&place.path, "whole\nhal").unwrap();
    write(&mut place.open(1000, 2), "new\n");
    assert_eq!(place.read(0), "whole\nhal\nnew\n");
}

#[test]
fn a_full_disk_is_told_and_what_was_not_written_is_known() {
    let settings = FileSettings { path: "/dev/full".into(), max_size: 1, keep: 1 };
    let mut file = LogFile::open(settings).unwrap();
    for _ in 0..3 {
        let written = file.write(b"one\n");
        assert_eq!(written.octets, 0);
        assert_eq!(written.trouble.map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
    }
}

#[test]
fn what_cannot_be_turned_goes_on_growing_and_is_complained_of() {
    let place = place();
    // A folder in the way of the name.
    fs::create_dir(numbered(&place.path, 1)).unwrap();
    fs::write(numbered(&place.path, 1).join("x"), "").unwrap();
    let mut file = place.open(5, 1);
    write(&mut file, "first line\n");
    let written = file.write(b"second\n");
    assert_eq!(written.octets, 7);
    assert!(written.trouble.is_some());
    assert_eq!(place.read(0), "first line\nsecond\n");
}

#[test]
fn where_no_new_file_can_be_opened_the_one_that_was_moved_away_takes_the_lines() {
    let place = place();
    let mut file = place.open(1000, 2);
    write(&mut file, "one\n");
    let moved = place.path.with_extension("moved");
    fs::rename(&place.path, &moved).unwrap();
    // Something in the way of the name.
    fs::create_dir(&place.path).unwrap();
    for line in ["two\n", "three\n"] {
        let written = file.write(line.as_bytes());
        assert_eq!(written.octets, line.len());
        assert!(written.trouble.is_some(), "nobody is told");
    }
    assert_eq!(fs::read_to_string(&moved).unwrap(), "one\ntwo\nthree\n");
    fs::remove_dir(&place.path).unwrap();
    write(&mut file, "four\n");
    assert_eq!(place.read(0), "four\n");
    // One that was removed takes nothing: nobody would find it.
    fs::remove_file(&place.path).unwrap();
    fs::create_dir(&place.path).unwrap();
    let written = file.write(b"five\n");
    assert!(written.octets == 0 && written.trouble.is_some());
}

#[test]
fn neither_a_folder_nor_a_pipe_is_a_file() {
    let place = place();
    let settings = |path: &Path| FileSettings { path: path.to_owned(), max_size: 10, keep: 1 };
    assert!(LogFile::open(settings(place.path.parent().unwrap())).is_err());
    let pipe = place.path.with_extension("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let Err(error) = LogFile::open(settings(&pipe)) else { panic!("a pipe was opened") };
    assert!(error.to_string().contains("pipe"));
    assert!(LogFile::open(settings(&place.path.join("below"))).is_err());
}
