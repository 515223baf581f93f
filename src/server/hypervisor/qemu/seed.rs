//! The cloud-init seed (NoCloud): a small FAT disk labelled `CIDATA` with `meta-data` and `user-data`.
//!
//! Keys go into `meta-data`, so that user data stays exactly what the user wrote, whatever its kind.

use darkroom_core::ports::{MachineSpec, PortError};
use fatfs::{FileSystem, FormatVolumeOptions, FsOptions};
use std::io::{Cursor, Write};

/// FAT12's own structures and slack, next to the files.
const OVERHEAD_BYTES: usize = 512 * 1024;

/// User data beyond this is refused; the clouds take 16 to 64 KiB.
const USER_DATA_BYTES_MAX: usize = 1 << 20;

/// The whole seed disk. The same machine gives the same bytes.
pub fn image(spec: &MachineSpec) -> Result<Vec<u8>, PortError> {
    if spec.user_data.len() > USER_DATA_BYTES_MAX {
        return Err(PortError::Refused(format!("User data may have {USER_DATA_BYTES_MAX} bytes at most.")));
    }
    let meta_data = meta_data(spec)?;
    let length = (OVERHEAD_BYTES + meta_data.len() + spec.user_data.len()).next_multiple_of(4096);
    let mut disk = Cursor::new(vec![0u8; length]);
    write(&mut disk, &meta_data, &spec.user_data).map_err(|error| {
        PortError::Unavailable(format!("The machine's seed disk cannot be made: {error}."))
    })?;
    Ok(disk.into_inner())
}

fn write(disk: &mut Cursor<Vec<u8>>, meta_data: &str, user_data: &str) -> std::io::Result<()> {
    fatfs::format_volume(&mut *disk, FormatVolumeOptions::new().volume_label(*b"CIDATA     "))?;
    let volume = FileSystem::new(&mut *disk, FsOptions::new())?;
    for (name, content) in [("meta-data", meta_data), ("user-data", user_data)] {
        let mut file = volume.root_dir().create_file(name)?;
        file.write_all(content.as_bytes())?;
        file.flush()?;
    }
    volume.unmount()
}

fn meta_data(spec: &MachineSpec) -> Result<String, PortError> {
    // A system that replaced another one is a new one to cloud-init, which runs once for each id.
    let id = match spec.n_installed {
        0 => spec.id.to_string(),
        n => format!("{}-{n}", spec.id),
    };
    let mut text = format!("instance-id: {id}\nlocal-hostname: {}\n", scalar(&spec.hostname)?);
    if !spec.ssh_keys.is_empty() {
        text.push_str("public-keys:\n");
        for key in &spec.ssh_keys {
            text.push_str(&format!("  - {}\n", scalar(key.trim())?));
        }
    }
    Ok(text)
}

/// A one-line text as YAML. Plain where that is unambiguous, because small guests read it without a YAML parser.
fn scalar(text: &str) -> Result<String, PortError> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(PortError::Refused(format!("{text:?} must be one line of text.")));
    }
    let starts_plain = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let is_plain = starts_plain && !text.contains(": ") && !text.contains(" #") && !text.ends_with(':');
    // A JSON string is a valid YAML one.
    Ok(if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_core::domain::ids::InstanceId;
    use darkroom_core::ports::BootMode;
    use std::io::Read;
    use uuid::Uuid;

    fn spec(ssh_keys: &[&str], user_data: &str) -> MachineSpec {
        MachineSpec {
            id: InstanceId(Uuid::from_u128(7)),
            hostname: "first-light".to_owned(),
            n_vcpus: 1,
            memory_mib: 256,
            disks: Vec::new(),
            iso: None,
            ssh_keys: ssh_keys.iter().map(|&key| key.to_owned()).collect(),
            user_data: user_data.to_owned(),
            boot: BootMode::Bios,
            nic_multiqueue: false,
            sriov: false,
            n_installed: 0,
        }
    }

    fn read(image: Vec<u8>, name: &str) -> String {
        let volume = FileSystem::new(Cursor::new(image), FsOptions::new()).unwrap();
        let mut text = String::new();
        volume.root_dir().open_file(name).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_seed_holds_name_keys_and_the_users_own_data() {
        let script = "#!/bin/sh\necho hello\n";
        let image = image(&spec(&["ssh-ed25519 AAAA ann@host", "ssh-rsa BBBB note: #1"], script)).unwrap();
        assert_eq!(
            image,
            super::image(&spec(&["ssh-ed25519 AAAA ann@host", "ssh-rsa BBBB note: #1"], script)).unwrap()
        );
        let meta_data = "instance-id: 00000000-0000-0000-0000-000000000007\nlocal-hostname: first-light\npublic-keys:\n  \
                         - ssh-ed25519 AAAA ann@host\n  - \"ssh-rsa BBBB note: #1\"\n";
        assert_eq!(read(image.clone(), "meta-data"), meta_data);
        assert_eq!(read(image.clone(), "user-data"), script);
        let volume = FileSystem::new(Cursor::new(image), FsOptions::new()).unwrap();
        assert_eq!(volume.volume_label_as_bytes(), b"CIDATA");
        assert_eq!(volume.read_volume_label_from_root_dir_as_bytes().unwrap(), Some(*b"CIDATA     "));
    }

    #[test]
    fn a_replaced_system_is_a_new_instance_to_cloud_init() {
        let again = MachineSpec { n_installed: 2, ..spec(&[], "") };
        let meta_data = read(image(&again).unwrap(), "meta-data");
        assert!(
            meta_data.starts_with("instance-id: 00000000-0000-0000-0000-000000000007-2\n"),
            "{meta_data}"
        );
    }

    #[test]
    fn large_user_data_fits_and_too_large_is_refused() {
        let large = "x".repeat(USER_DATA_BYTES_MAX);
        assert_eq!(read(image(&spec(&[], &large)).unwrap(), "user-data"), large);
        assert!(matches!(image(&spec(&[], &format!("{large}x"))), Err(PortError::Refused(_))));
    }

    #[test]
    fn a_key_cannot_smuggle_in_another_line_of_meta_data() {
        assert!(matches!(image(&spec(&["ssh-rsa A\ninstance-id: other"], "")), Err(PortError::Refused(_))));
    }
}
