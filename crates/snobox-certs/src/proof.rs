//! What must hold after a renewal, checked on the new texts alone as they would be read by anybody else.

use std::collections::BTreeMap;

use crate::certificate::Certificate;
use crate::moment;
use crate::plan::Plan;
use crate::survey::{Found, Place, Survey};

/// Compares two surveys of the same texts. `new` are the certificates that were put in the place of others, by what was there before.
///
/// # Errors
/// What does not hold, and for which certificate.
pub(crate) fn prove(
    before: &Survey,
    plan: &Plan,
    new: &BTreeMap<Vec<u8>, Vec<u8>>,
    after: &Survey,
) -> Result<(), String> {
    check_rest(before, new, after)?;
    let old = by_place(before);
    let now = by_place(after);
    if old.len() != now.len() {
        let (old, now) = (old.len(), now.len());
        return Err(format!(
            "there were certificates in {old} places, now in {now}"
        ));
    }
    for ((old_place, old), (place, found)) in old.iter().zip(&now) {
        let (was, is) = (&old.certificate, &found.certificate);
        let fail = |what: &str| Err(format!("{}, {place}: {what}", was.subject()));
        if old_place != place {
            return fail("it stands in another place");
        }
        // Subject, public key and all extensions, host names among them, are the rest.
        if was.rest != is.rest || was.issuer != is.issuer || was.version != is.version {
            return fail("more than its validity has changed");
        }
        if old.signer != found.signer || (old.signer.is_some() && !is_signed(found)) {
            return fail("it is not signed by the key that signed it before");
        }
        match new.get(&was.der) {
            None if was.der != is.der => return fail("it was not to change"),
            Some(made) if *made != is.der => return fail("it is not the one that was made for it"),
            _ => {}
        }
    }
    check_validity(plan, before, new, after)?;
    let keys = |survey: &Survey| {
        let keys = survey.keys.iter();
        keys.map(|(key, places)| (key.public.clone(), places.clone()))
            .collect::<Vec<_>>()
    };
    if keys(before) != keys(after) {
        return Err("a private key has changed".to_owned());
    }
    Ok(())
}

fn is_signed(found: &Found) -> bool {
    let signer = found.signer.as_ref();
    signer.is_some_and(|key| found.certificate.is_signed_by(key))
}

fn by_place(survey: &Survey) -> Vec<(&Place, &Found)> {
    let all = survey.certificates().iter();
    let mut places: Vec<_> = all
        .flat_map(|found| found.places.iter().map(move |place| (place, found)))
        .collect();
    places.sort_by_key(|(place, _)| *place);
    places
}

/// With the old certificates back in their places, every byte must be as it was.
fn check_rest(
    before: &Survey,
    new: &BTreeMap<Vec<u8>, Vec<u8>>,
    after: &Survey,
) -> Result<(), String> {
    let back: BTreeMap<&[u8], &[u8]> = new
        .iter()
        .map(|(old, new)| (new.as_slice(), old.as_slice()))
        .collect();
    for ((path, old), (_, now)) in before.texts.iter().zip(&after.texts) {
        // Blocks of a ragged layout are wrapped evenly; putting the old ones in again does the same to them.
        let old = old.replace(&|_, der| new.contains_key(der).then(|| der.to_vec()));
        let now_back = now.replace(&|_, der| back.get(der).map(|old| old.to_vec()));
        if old != now_back {
            return Err(format!("{path}: more than certificates has changed"));
        }
    }
    Ok(())
}

fn check_validity(
    plan: &Plan,
    before: &Survey,
    new: &BTreeMap<Vec<u8>, Vec<u8>>,
    after: &Survey,
) -> Result<(), String> {
    for renewal in plan.renewals() {
        let old = &before.certificates()[renewal.certificate].certificate;
        let fail = |what: String| Err(format!("{}: {what}", old.subject()));
        let all = after.certificates();
        let index = all
            .iter()
            .position(|found| new.get(&old.der) == Some(&found.certificate.der));
        let Some(index) = index else {
            return fail("it is nowhere to be found".to_owned());
        };
        let is = &all[index].certificate;
        if (is.not_before(), is.not_after()) != (renewal.not_before, renewal.not_after)
            || is.not_after() <= plan.now()
            || is.not_before() > plan.now()
        {
            let (from, until) = (moment::text(is.not_before()), moment::text(is.not_after()));
            return fail(format!("it holds from {from} until {until}"));
        }
        if is.serial == old.serial {
            return fail("its serial number is the old one".to_owned());
        }
        let issuers = after.issuers(index);
        let within = |issuer: &Certificate| {
            issuer.not_before() <= is.not_before() && is.not_after() <= issuer.not_after()
        };
        if !issuers.is_empty()
            && !issuers
                .iter()
                .any(|issuer| within(&all[*issuer].certificate))
        {
            return fail("it does not hold within the validity of its issuer".to_owned());
        }
    }
    Ok(())
}
