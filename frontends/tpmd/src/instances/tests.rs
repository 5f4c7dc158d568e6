use super::*;
use crate::state::{Durability, StateOptions};
use ironroot_tpm::Profile;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

fn options(folder: &Path) -> InstancesOptions {
    InstancesOptions {
        folder: folder.to_owned(),
        each: ServeOptions {
            state: StateOptions {
                directory: PathBuf::new(),
                key: None,
                anchor: None,
                durability: Durability::None,
            },
            tcp: None,
            unix: None,
            control: None,
            startup: None,
            profile: &Profile::FULL,
            log: Some(folder.join("log")),
            pid: None,
            terminate: false,
            pool: false,
            sandbox: false,
        },
    }
}

/// A folder with these folders.
fn folder(names: &[&str]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for name in names {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    folder
}

/// Serves nothing, and ends as its name says.
fn serve(
    options: &ServeOptions,
    log: &Log,
    mut stop: UnixStream,
    ready: &dyn Fn(&str),
) -> Result<()> {
    let name = options.state.directory.file_name().unwrap();
    log.line("is here");
    ready("here");
    match name.to_str().unwrap() {
        "panics" => panic!("a fault of ours"),
        "fails" => bail!("the disk is full"),
        _ => assert_eq!(stop.read(&mut [0]).unwrap(), 0),
    }
    log.line("was there to the end");
    Ok(())
}

/// What a supervised folder's log says, and whether all ended in order.
fn supervised(
    folder: &TempDir,
    serve: Serve,
    events: impl FnOnce(&Sender<Event>),
) -> (String, bool) {
    let (sender, receiver) = channel();
    let in_order = supervise(
        &options(folder.path()),
        serve,
        sender.clone(),
        &receiver,
        |_| {
            events(&sender);
        },
    );
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    (log, in_order.unwrap())
}

#[test]
fn one_that_panics_or_fails_stops_no_other() {
    let folder = folder(&["first", "panics", "fails", "second"]);
    let (log, in_order) = supervised(&folder, serve, |sender| {
        sender.send(Event::Stop).unwrap();
    });
    assert!(!in_order);
    for name in ["first", "second"] {
        assert!(
            log.contains(&format!("{name}: was there to the end")),
            "{log}"
        );
    }
    assert!(
        log.contains("panics: not served (a fault of the program)"),
        "{log}"
    );
    assert!(
        log.contains("fails: not served (the disk is full)"),
        "{log}"
    );
}

#[test]
fn a_second_look_starts_what_is_new_and_ends_what_is_gone() {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let counted: Serve = |options, log, stop, ready| {
        STARTED.fetch_add(1, Ordering::SeqCst);
        serve(options, log, stop, ready)
    };
    let folder = folder(&["stays", "goes"]);
    let (log, in_order) = supervised(&folder, counted, |sender| {
        std::fs::remove_dir(folder.path().join("goes")).unwrap();
        std::fs::create_dir(folder.path().join("comes")).unwrap();
        sender.send(Event::Reload).unwrap();
        sender.send(Event::Stop).unwrap();
    });
    assert!(in_order);
    assert_eq!(STARTED.load(Ordering::SeqCst), 3);
    for name in ["stays", "goes", "comes"] {
        assert!(log.contains(&format!("{name}: is here")), "{log}");
    }
}

#[test]
fn links_files_and_strange_names_are_not_served() {
    let folder = folder(&["one", "a b", ".hidden"]);
    std::fs::write(folder.path().join("file"), "").unwrap();
    std::os::unix::fs::symlink("one", folder.path().join("link")).unwrap();
    let log = Log::default();
    assert_eq!(names(folder.path(), &log).unwrap(), ["one"]);
}

#[test]
fn a_folder_without_folders_is_an_error_that_says_what_to_do() {
    let folder = folder(&[]);
    let (sender, receiver) = channel();
    let options = options(folder.path());
    let error = supervise(&options, serve, sender, &receiver, |_| {}).unwrap_err();
    assert!(error.to_string().contains("mkdir"), "{error}");
}

/// The end of the first is told when the second runs already under its name.
#[test]
fn a_folder_that_went_and_came_again_is_served_to_the_end() {
    static STARTS: AtomicU32 = AtomicU32::new(0);
    let slow: Serve = |options, log, stop, ready| {
        let is_first =
            options.state.directory.ends_with("one") && STARTS.fetch_add(1, Ordering::SeqCst) == 0;
        serve(options, log, stop, ready)?;
        while is_first && STARTS.load(Ordering::SeqCst) < 2 {
            std::thread::yield_now();
        }
        Ok(())
    };
    let folder = folder(&["one", "other"]);
    let path = folder.path().to_owned();
    let (log, in_order) = supervised(&folder, slow, |sender| {
        let sender = sender.clone();
        std::thread::spawn(move || {
            let said = |what: &str| {
                let log = std::fs::read_to_string(path.join("log")).unwrap();
                log.matches(what).count()
            };
            std::fs::remove_dir(path.join("one")).unwrap();
            sender.send(Event::Reload).unwrap();
            while said("one: was there to the end") == 0 {
                std::thread::yield_now();
            }
            std::fs::create_dir(path.join("one")).unwrap();
            sender.send(Event::Reload).unwrap();
            while said("one: is here") < 2 {
                std::thread::yield_now();
            }
            sender.send(Event::Stop).unwrap();
        });
    });
    assert!(in_order, "{log}");
    assert_eq!(log.matches("one: was there to the end").count(), 2, "{log}");
}
