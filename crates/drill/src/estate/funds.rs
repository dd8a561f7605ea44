//! The funds the practice provider serves. Names are invented; the numbers have the shape of the real thing.

use crate::{Fault, Result};

/// A health fund served by the provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Fund {
    pub id: String,
    pub name: String,
    pub insured: u64,
    /// `ess` or `muc`.
    pub site: String,
    /// Of `de`, `fr`, `en`.
    pub languages: Vec<String>,
    /// The whole line of the list, for the estate.
    pub line: String,
}

/// The same funds as in the example estate, as data: the file is not the product's code.
const LIST: &str = include_str!("../../../../estates/gkv/tenants.csv");

/// The head of the list.
pub fn head() -> &'static str {
    LIST.lines().next().unwrap_or_default()
}

/// `count` funds, alternately from both sites, largest first within a site.
pub fn funds(count: usize) -> Result<Vec<Fund>> {
    let mut sites: [Vec<Fund>; 2] = [Vec::new(), Vec::new()];
    for line in LIST.lines().skip(1).filter(|line| !line.trim().is_empty()) {
        let fund = read(line)
            .ok_or_else(|| Fault::new(format!("the list of funds has a line that is none: {line}")))?;
        match fund.site.as_str() {
            "ess" => sites[0].push(fund),
            "muc" => sites[1].push(fund),
            other => return Err(Fault::new(format!("fund {} is at the unknown site {other}", fund.id))),
        }
    }
    let known = sites[0].len() + sites[1].len();
    if count < 2 || count > known {
        return Err(Fault::new(format!(
            "--funds {count}: choose from 2 (one at each site) to {known} (all that are known)"
        )));
    }
    for site in &mut sites {
        site.sort_by(|a, b| b.insured.cmp(&a.insured).then(a.id.cmp(&b.id)));
        site.reverse();
    }
    let mut chosen = Vec::new();
    for turn in 0.. {
        if chosen.len() == count {
            break;
        }
        let [ess, muc] = &mut sites;
        let (first, second) = if turn % 2 == 0 { (ess, muc) } else { (muc, ess) };
        chosen.extend(first.pop().or_else(|| second.pop()));
    }
    Ok(chosen)
}

fn read(line: &str) -> Option<Fund> {
    let fields = fields(line);
    let field = |index: usize| fields.get(index).map(String::as_str);
    Some(Fund {
        id: field(0).filter(|id| !id.is_empty())?.to_owned(),
        name: field(1)?.to_owned(),
        insured: field(2)?.parse().ok()?,
        site: field(3)?.trim_start_matches("site:").to_owned(),
        languages: field(4)?
            .split([';', '|', ' '])
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect(),
        line: line.to_owned(),
    })
}

/// Fields between commas; a field in double quotes may hold commas and doubled quotes.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut signs = line.trim_end().chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '"' if quoted && signs.peek() == Some(&'"') => {
                signs.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field).trim().to_owned()),
            other => field.push(other),
        }
    }
    fields.push(field.trim().to_owned());
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_funds_is_spread_over_both_sites() {
        let all = LIST.lines().skip(1).filter(|line| !line.is_empty()).count();
        for count in [2, 3, 4] {
            let chosen = funds(count).unwrap();
            let at_ess = chosen.iter().filter(|fund| fund.site == "ess").count();
            assert!(chosen.len() == count && at_ess.abs_diff(count - at_ess) <= 1, "{chosen:?}");
        }
        let every: std::collections::BTreeSet<String> =
            funds(all).unwrap().into_iter().map(|fund| fund.id).collect();
        assert_eq!(every.len(), all);
        assert!(funds(all + 1).is_err() && funds(1).is_err());
    }

    #[test]
    fn quoted_fields_may_hold_commas() {
        assert_eq!(fields("a,\"b, \"\"c\"\"\",d"), ["a", "b, \"c\"", "d"]);
    }
}
