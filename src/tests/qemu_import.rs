//! Files that the real image tool made: judged, converted faithfully, or refused with the reason. Skipped, saying so, where it is not
//! installed.

use super::qemu::{LIMITS, Observer, settings, tool_run};
use darkroom::server::hypervisor::import::to_raw;
use darkroom::server::hypervisor::tool;
use darkroom_core::domain::format::FormatKind;
use darkroom_core::ports::PortError;
use std::fs;

#[test]
fn files_made_by_the_image_tool_are_judged_and_converted_faithfully() {
    if tool::find_program("qemu-img").is_none() {
        println!("skipped: qemu-img is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    // Recognisable sectors with holes between them.
    let mut content = vec![0u8; 8 << 20];
    for (sector, chunk) in content.chunks_mut(512).enumerate().filter(|(sector, _)| sector % 300 < 40) {
        chunk.fill(u8::try_from(sector % 255).unwrap() + 1);
    }
    fs::write(path("source.raw"), &content).unwrap();
    let import = |name: &str| {
        to_raw(
            &folder.path().join(name),
            &folder.path().join(format!("{name}.out")),
            &settings(),
            &LIMITS,
            &Observer::default(),
        )
    };
    assert_eq!(import("source.raw").unwrap().format, FormatKind::Raw);
    for (index, options) in [
        "compat=0.10",
        "compat=1.1",
        "compression_type=zstd",
        "extended_l2=on",
        "cluster_size=2M",
        "cluster_size=512",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("{index}.qcow2");
        let compress = if options.contains("zstd") { "-c" } else { "-W" };
        tool_run(
            "qemu-img",
            &[
                "convert",
                compress,
                "-f",
                "raw",
                "-O",
                "qcow2",
                "-o",
                options,
                &path("source.raw"),
                &path(&name),
            ],
        );
        let imported = import(&name).unwrap();
        assert_eq!((imported.format, imported.virtual_bytes), (FormatKind::Qcow2, 8 << 20), "{options}");
        assert!(fs::read(&imported.path).unwrap() == content, "{options}");
    }
    let refused = |name: &str, words: &str| match import(name) {
        Err(PortError::Refused(sentence)) => assert!(sentence.contains(words), "{name}: {sentence}"),
        other => panic!("{name}: {other:?}"),
    };
    for (format, words) in [
        ("vmdk", "a VMDK disk"),
        ("vhdx", "a VHDX disk"),
        ("vpc", "a VHD disk"),
        ("vdi", "a VDI disk"),
        ("qed", "a QED disk"),
    ] {
        tool_run("qemu-img", &["convert", "-f", "raw", "-O", format, &path("source.raw"), &path(format)]);
        refused(format, words);
    }
    tool_run(
        "qemu-img",
        &["create", "-q", "-f", "qcow2", "-b", "/etc/passwd", "-F", "raw", &path("backing.qcow2"), "1M"],
    );
    refused("backing.qcow2", "a backing file");
    tool_run(
        "qemu-img",
        &[
            "create",
            "-q",
            "-f",
            "qcow2",
            "-o",
            &format!("data_file={}", path("data")),
            &path("data.qcow2"),
            "1M",
        ],
    );
    refused("data.qcow2", "an external data file");
    tool_run("qemu-img", &["snapshot", "-c", "one", &path("1.qcow2")]);
    refused("1.qcow2", "1 internal snapshots");
    tool_run("qemu-img", &["create", "-q", "-f", "qcow2", &path("huge.qcow2"), "16T"]);
    refused("huge.qcow2", "64 GiB is the largest");
    refused("huge.qcow2", "16");
    let names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert!(!names.iter().any(|name| name.ends_with(".part")), "{names:?}");
}
