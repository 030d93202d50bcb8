//! What lies in the folder of a report.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use redyn_report::{Context, Error, page, write};

mod support;

use support::{Size, Without, context, context_without};

const SMALL: Size = Size { images: 240, steps: 6, replicates: 40 };

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(
                self::files(&path)
                    .into_iter()
                    .map(|(name, bytes)| (format!("{}/{name}", path.file_name().unwrap().display()), bytes)),
            );
        } else {
            files.insert(path.file_name().unwrap().display().to_string(), fs::read(&path).unwrap());
        }
    }
    files
}

#[test]
fn the_same_context_gives_the_same_bytes() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(&context(SMALL), first.path()).unwrap();
    // Over an earlier report, and from the context as it was written down.
    write(&context(SMALL), second.path()).unwrap();
    let json = fs::read(first.path().join("report.json")).unwrap();
    let read: Context = serde_json::from_slice(&json).unwrap();
    write(&read, second.path()).unwrap();
    let (first, second) = (files(first.path()), files(second.path()));
    assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>());
    for (name, bytes) in &first {
        assert!(bytes == &second[name], "{name} differs");
    }
}

#[test]
fn figures_of_an_earlier_report_do_not_linger() {
    let folder = tempfile::tempdir().unwrap();
    write(&context(SMALL), folder.path()).unwrap();
    assert!(files(folder.path()).contains_key("figures/dendrogram.svg"));
    let written = write(&context_without(SMALL, Without::Readout, 2), folder.path()).unwrap();
    assert!(written.figures.iter().all(|figure| figure.name != "dendrogram"));
    let left = files(folder.path());
    for name in ["figures/dendrogram.svg", "figures/dendrogram.pdf", "data/dendrogram.csv"] {
        assert!(!left.contains_key(name), "{name}");
    }
    assert!(fs::read_to_string(&written.page).unwrap().contains("Not shown: LA: "));
}

#[test]
fn every_figure_has_its_files_and_every_column_its_meaning() {
    let folder = tempfile::tempdir().unwrap();
    let written = write(&context(SMALL), folder.path()).unwrap();
    let page = fs::read_to_string(&written.page).unwrap();
    let columns = fs::read_to_string(&written.columns).unwrap();
    assert_eq!(written.figures.len(), 33);
    for figure in &written.figures {
        let svg = fs::read_to_string(&figure.svg).unwrap();
        assert!(svg.starts_with("<svg") && svg.matches("<path").count() > 5, "{}", figure.name);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{}", figure.name);
        assert!(fs::read(&figure.pdf).unwrap().starts_with(b"%PDF"), "{}", figure.name);
        assert!(page.contains(&format!("href=\"figures/{}.pdf\"", figure.name)));
        assert!(!figure.data.is_empty(), "{}", figure.name);
        for data in &figure.data {
            let name = data.file_name().unwrap().display().to_string();
            assert!(page.contains(&format!("href=\"data/{name}\"")), "{name}");
            let csv = fs::read_to_string(data).unwrap();
            assert!(csv.lines().count() > 1, "{name}");
            for column in csv.lines().next().unwrap().split(',') {
                assert!(columns.contains(&format!("{name}\t{column}\t")), "{name}: {column}");
            }
        }
    }
}

#[test]
fn the_page_needs_nothing_from_anywhere_and_is_small() {
    let page = page(&context(Size { images: 1000, steps: 10, replicates: 20 })).unwrap();
    for foreign in ["src=\"http", "url(http", "@import", "<link rel=\"stylesheet", "fetch(", "import("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    let outside: Vec<&str> = page.split("href=\"").skip(1).filter(|rest| rest.starts_with("http")).collect();
    assert!(outside.is_empty(), "{outside:?}");
    assert!(page.len() < 5_000_000, "{} bytes", page.len());
}

#[test]
fn names_cannot_break_the_page() {
    let mut context = context(SMALL);
    let bad = "</script><b id=\"bad\">&'";
    context.title = bad.into();
    context.networks[0].results.name = bad.into();
    context.networks[0].results.classes[0] = bad.into();
    context.provenance[0].value = bad.into();
    let page = page(&context).unwrap();
    assert!(!page.contains("<b id=\"bad\">") && !page.contains("</script><b"));
}

#[test]
fn parts_that_do_not_belong_together_are_named() {
    let mut twice = context(SMALL);
    twice.networks[1].results.name = "LA".into();
    assert_eq!(page(&twice).unwrap_err().to_string(), "two networks are named `LA`");
    let mut short = context(SMALL);
    if let Some(hierarchy) = &mut short.networks[0].hierarchy {
        hierarchy.groups.pop();
    }
    let message = page(&short).unwrap_err().to_string();
    assert_eq!(message, "network `LA`: the hierarchy has 15 classes, the results have 16");
    let none = Context { networks: Vec::new(), ..short };
    assert!(matches!(page(&none), Err(Error::NoNetwork)));
}
