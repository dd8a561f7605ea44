//! Who acts: the login that the kernel says this process belongs to. `$USER` is a text that anybody can set, and in a
//! service, a rescue shell or under `su` it is empty or another's; it is not asked.

use std::fs;

/// The name of the login; `uid 1000` where the machine has no name for it.
pub fn login() -> String {
    let uid = rustix::process::getuid().as_raw();
    // Bytes, not text: one login with a strange name must not hide all others.
    let table = fs::read("/etc/passwd").unwrap_or_default();
    name_of(uid, &String::from_utf8_lossy(&table)).unwrap_or_else(|| format!("uid {uid}"))
}

/// `name:password:uid:...`, one line for each login.
fn name_of(uid: u32, table: &str) -> Option<String> {
    let name = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    };
    table.lines().find_map(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_known_by_its_number_and_not_by_what_it_calls_itself() {
        let table =
            "root:x:0:0:root:/root:/bin/sh\n# a remark\n:x:7::\nanna:x:1000:1000:Anna:/home/anna:/bin/sh\n";
        assert_eq!(name_of(0, table).as_deref(), Some("root"));
        assert_eq!(name_of(1000, table).as_deref(), Some("anna"));
        assert_eq!((name_of(1001, table), name_of(7, table), name_of(0, "")), (None, None, None));
    }
}
