//! Which units belong to the operating system itself: they come back with the host, so they are not services of
//! their own unless somebody asks for them. The list stands in the guide.

/// Units whose name begins so.
const PREFIXES: [&str; 33] = [
    "systemd-",
    "dbus",
    "getty",
    "serial-getty",
    "console-getty",
    "container-getty",
    "autovt",
    "user@",
    "user-runtime-dir@",
    "initrd-",
    "dracut-",
    "plymouth",
    "modprobe@",
    "kmod",
    "apt-",
    "dnf-",
    "yum-",
    "snapd",
    "packagekit",
    "unattended-upgrades",
    "update-notifier",
    "e2scrub",
    "cloud-",
    "console-setup",
    "keyboard-setup",
    "setvtrgb",
    "NetworkManager",
    "networkd-dispatcher",
    "ifup",
    "lvm2-",
    "grub-",
    "selinux-",
    "sysstat",
];

/// Units with exactly this name before the suffix.
const NAMES: [&str; 63] = [
    "accounts-daemon",
    "alsa-restore",
    "alsa-state",
    "apparmor",
    "auditd",
    "blk-availability",
    "bluetooth",
    "bolt",
    "colord",
    "cryptdisks",
    "cryptdisks-early",
    "debug-shell",
    "dm-event",
    "dpkg-db-backup",
    "emergency",
    "finalrd",
    "fstrim",
    "fwupd",
    "fwupd-refresh",
    "haveged",
    "hwclock",
    "hwclock-save",
    "import-state",
    "irqbalance",
    "kdump",
    "kexec",
    "kexec-load",
    "ldconfig",
    "loadmodules",
    "logrotate",
    "man-db",
    "mdmonitor",
    "microcode",
    "ModemManager",
    "motd-news",
    "multipathd",
    "networking",
    "nis-domainname",
    "open-vm-tools",
    "pam_namespace",
    "polkit",
    "procps",
    "qemu-guest-agent",
    "quotaon",
    "rc",
    "rcS",
    "rescue",
    "rngd",
    "rtkit-daemon",
    "smartd",
    "smartmontools",
    "switcheroo-control",
    "sysfsutils",
    "system-update-cleanup",
    "thermald",
    "tuned",
    "udev",
    "udisks2",
    "ufw",
    "upower",
    "vgauth",
    "wpa_supplicant",
    "x11-common",
];

/// The unit comes back with the host.
pub fn is_basic(unit: &str) -> bool {
    let stem = unit.rsplit_once('.').map_or(unit, |(stem, _)| stem);
    PREFIXES.iter().any(|prefix| stem.starts_with(prefix)) || NAMES.contains(&stem)
}

/// Targets that stand for "the whole system is up": waiting for them says nothing about a single service.
pub fn is_whole_system(target: &str) -> bool {
    matches!(
        target,
        "basic.target"
            | "sysinit.target"
            | "multi-user.target"
            | "graphical.target"
            | "default.target"
            | "sockets.target"
            | "timers.target"
            | "paths.target"
            | "slices.target"
    ) || target.starts_with("runlevel")
        || is_other_mode(target)
}

/// Targets of other ways to boot, and of the way down.
pub fn is_other_mode(target: &str) -> bool {
    const NAMES: [&str; 17] = [
        "rescue",
        "emergency",
        "system-update",
        "halt",
        "poweroff",
        "reboot",
        "kexec",
        "soft-reboot",
        "shutdown",
        "umount",
        "final",
        "exit",
        "suspend",
        "hibernate",
        "hybrid-sleep",
        "sleep",
        "ctrl-alt-del",
    ];
    let stem = target.strip_suffix(".target").unwrap_or(target);
    NAMES.contains(&stem)
        || stem.starts_with("initrd")
        || stem.starts_with("suspend-")
        || ["runlevel0", "runlevel1", "runlevel6"].contains(&stem)
}

/// File systems that hold nothing to restore.
const NO_DATA: [&str; 28] = [
    "autofs",
    "bdev",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fuse.gvfsd-fuse",
    "fuse.portal",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "pstore",
    "ramfs",
    "rpc_pipefs",
    "securityfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "tracefs",
];

/// A mount that holds data of its own, as opposed to the system's disk and what only looks like a disk.
pub fn holds_data(path: &str, filesystem: &str) -> bool {
    let below =
        |folder: &str| path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    let is_system = [
        "/usr",
        "/boot",
        "/efi",
        "/run",
        "/dev",
        "/sys",
        "/proc",
        "/tmp",
        "/var/tmp",
        "/snap",
        "/var/lib/docker/overlay2",
    ]
    .into_iter()
    .any(below);
    path.starts_with('/') && path != "/" && !is_system && !NO_DATA.contains(&filesystem)
}
