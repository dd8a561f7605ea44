//! Everything the pages say, in three languages. One struct, so that a language that lacks a sentence does not compile.

/// A language of the public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    De,
    Fr,
    En,
}

impl Language {
    pub const ALL: [Language; 3] = [Language::De, Language::Fr, Language::En];

    /// BCP 47, for `lang` and for file names.
    pub fn tag(self) -> &'static str {
        match self {
            Language::De => "de",
            Language::Fr => "fr",
            Language::En => "en",
        }
    }

    /// Those that the tenant names, in its order; all if it names none that is known.
    pub fn order(tags: &[String]) -> Vec<Language> {
        let known = |tag: &String| Language::ALL.into_iter().find(|language| tag == language.tag());
        let mut order: Vec<Language> = Vec::new();
        for language in tags.iter().filter_map(known) {
            if !order.contains(&language) {
                order.push(language);
            }
        }
        if order.is_empty() { Language::ALL.to_vec() } else { order }
    }

    pub fn words(self) -> &'static Words {
        match self {
            Language::De => &GERMAN,
            Language::Fr => &FRENCH,
            Language::En => &ENGLISH,
        }
    }
}

/// The sentences of a page. `{}` is filled in.
pub struct Words {
    pub language: &'static str,
    pub title: &'static str,
    pub all_works: &'static str,
    pub some_emergency: &'static str,
    pub some_not_known: &'static str,
    pub some_down: &'static str,
    pub nothing_described: &'static str,
    pub works: &'static str,
    pub emergency: &'static str,
    pub diverted: &'static str,
    pub not_known: &'static str,
    pub down: &'static str,
    pub do_works: &'static str,
    pub do_emergency: &'static str,
    pub do_diverted: &'static str,
    pub do_not_known: &'static str,
    pub do_down: &'static str,
    pub held: &'static str,
    pub contact: &'static str,
    pub as_of: &'static str,
    pub how_current: &'static str,
    pub proof: &'static str,
    pub only_german: &'static str,
    pub all_funds: &'static str,
    pub choose: &'static str,
    pub all_organisations: &'static str,
    pub choose_organisation: &'static str,
    pub offer: &'static str,
    pub state: &'static str,
    pub now: &'static str,
    pub back: &'static str,
    pub back_not_known: &'static str,
    pub said: &'static str,
    pub said_at: &'static str,
    pub said_to: &'static str,
    pub corrects: &'static str,
    pub corrected: &'static str,
    pub older: &'static str,
    pub next_update: &'static str,
    pub next_update_not_known: &'static str,
    /// In the order in which they are declared. The first is called what the estate calls its people.
    pub audiences: [&'static str; 6],
}

static GERMAN: Words = Words {
    language: "Deutsch",
    title: "Was funktioniert gerade?",
    all_works: "Alle Leistungen stehen zur Verfügung.",
    some_emergency: "Einige Leistungen laufen im Notbetrieb: Wir nehmen alles an und bearbeiten es, sobald die Systeme wieder bereit sind.",
    some_not_known: "Von einigen Leistungen wissen wir noch nicht, ob sie funktionieren.",
    some_down: "Einige Leistungen stehen zurzeit nicht zur Verfügung.",
    nothing_described: "Für Sie sind hier keine Leistungen beschrieben.",
    works: "Funktioniert",
    emergency: "Notbetrieb",
    diverted: "Anderer Weg",
    not_known: "Nicht bekannt",
    down: "Nicht verfügbar",
    do_works: "Sie müssen nichts beachten.",
    do_emergency: "Bitte reichen Sie wie gewohnt ein. Sie erhalten einen Beleg; er gilt als Nachweis des Eingangs. Bitte nicht noch einmal einreichen.",
    do_diverted: "Bitte nutzen Sie stattdessen: {}",
    do_not_known: "Wir wissen noch nicht, ob dies funktioniert. Bitte versuchen Sie es später wieder, oder fragen Sie uns.",
    do_down: "Bitte versuchen Sie es später wieder. {}",
    held: "Angenommen und noch nicht bearbeitet: {} Eingänge. Keiner davon geht verloren.",
    contact: "So erreichen Sie uns",
    as_of: "Stand: {} (Eintrag {})",
    how_current: "Diese Seite wird neu erstellt, wenn sich etwas ändert. Sie sagt, was zu diesem Zeitpunkt bekannt war.",
    proof: "Prüfsumme des Vorfallprotokolls",
    only_german: "nur auf Deutsch verfügbar",
    all_funds: "Alle Kassen",
    choose: "Bitte wählen Sie Ihre Kasse.",
    all_organisations: "Alle Einrichtungen",
    choose_organisation: "Bitte wählen Sie Ihre Einrichtung.",
    offer: "Leistung",
    state: "Zustand",
    now: "Was Sie jetzt tun können",
    back: "Voraussichtlich wieder da: zwischen {} und {}.",
    back_not_known: "Wann es wieder geht, ist noch nicht bekannt.",
    said: "Mitteilungen",
    said_at: "{}, Kenntnisstand: Eintrag {}",
    said_to: "Für: {}",
    corrects: "Berichtigt unsere Mitteilung vom {}",
    corrected: "Berichtigt am {}",
    older: "Ältere Mitteilungen, die hier nicht stehen: {}",
    next_update: "Nächste Nachricht spätestens: {}",
    next_update_not_known: "Wann es Neues gibt, ist noch nicht bekannt.",
    audiences: ["Versicherte", "Praxen", "Apotheken", "Krankenhäuser", "Arbeitgeber", "Presse"],
};

static FRENCH: Words = Words {
    language: "Français",
    title: "Qu’est-ce qui fonctionne en ce moment ?",
    all_works: "Toutes les prestations sont disponibles.",
    some_emergency: "Certaines prestations fonctionnent en mode dégradé : nous acceptons tout et le traiterons dès que les systèmes seront prêts.",
    some_not_known: "Pour certaines prestations, nous ne savons pas encore si elles fonctionnent.",
    some_down: "Certaines prestations ne sont pas disponibles actuellement.",
    nothing_described: "Aucune prestation n’est décrite ici pour vous.",
    works: "Fonctionne",
    emergency: "Mode dégradé",
    diverted: "Autre voie",
    not_known: "Pas encore connu",
    down: "Indisponible",
    do_works: "Rien de particulier à faire.",
    do_emergency: "Envoyez vos documents comme d’habitude. Vous recevez un récépissé, qui fait foi de la réception. Merci de ne pas les envoyer une seconde fois.",
    do_diverted: "Veuillez utiliser à la place : {}",
    do_not_known: "Nous ne savons pas encore si cela fonctionne. Veuillez réessayer plus tard ou nous demander.",
    do_down: "Veuillez réessayer plus tard. {}",
    held: "Reçus et pas encore traités : {} dépôts. Aucun ne sera perdu.",
    contact: "Comment nous joindre",
    as_of: "État au {} (entrée {})",
    how_current: "Cette page est refaite à chaque changement. Elle dit ce qui était connu à ce moment.",
    proof: "Empreinte du journal de l’incident",
    only_german: "disponible uniquement en allemand",
    all_funds: "Toutes les caisses",
    choose: "Veuillez choisir votre caisse.",
    all_organisations: "Tous les organismes",
    choose_organisation: "Veuillez choisir votre organisme.",
    offer: "Prestation",
    state: "État",
    now: "Ce que vous pouvez faire maintenant",
    back: "Rétablissement prévu : entre {} et {}.",
    back_not_known: "La date du rétablissement n’est pas encore connue.",
    said: "Communiqués",
    said_at: "{}, connu jusqu’à l’entrée {}",
    said_to: "Pour : {}",
    corrects: "Rectifie notre communiqué du {}",
    corrected: "Rectifié le {}",
    older: "Communiqués plus anciens non repris ici : {}",
    next_update: "Prochaine information au plus tard : {}",
    next_update_not_known: "La date de la prochaine information n’est pas encore connue.",
    audiences: ["Assurés", "Cabinets médicaux", "Pharmacies", "Hôpitaux", "Employeurs", "Presse"],
};

static ENGLISH: Words = Words {
    language: "English",
    title: "What works right now?",
    all_works: "All services are available.",
    some_emergency: "Some services are in emergency operation: we accept everything and process it as soon as the systems are ready again.",
    some_not_known: "Of some services we do not know yet whether they work.",
    some_down: "Some services are not available at the moment.",
    nothing_described: "No services are described here for you.",
    works: "Works",
    emergency: "Emergency operation",
    diverted: "Another way",
    not_known: "Not known",
    down: "Not available",
    do_works: "There is nothing you need to do.",
    do_emergency: "Please submit as usual. You get a receipt; it counts as proof that we have received it. Please do not submit it a second time.",
    do_diverted: "Please use this instead: {}",
    do_not_known: "We do not know yet whether this works. Please try again later, or ask us.",
    do_down: "Please try again later. {}",
    held: "Accepted and not yet processed: {} submissions. None of them will be lost.",
    contact: "How to reach us",
    as_of: "As known at {} (entry {})",
    how_current: "This page is made anew whenever something changes. It says what was known at that time.",
    proof: "Checksum of the incident journal",
    only_german: "available in German only",
    all_funds: "All funds",
    choose: "Please choose your fund.",
    all_organisations: "All organisations",
    choose_organisation: "Please choose your organisation.",
    offer: "Service",
    state: "State",
    now: "What you can do now",
    back: "Expected back: between {} and {}.",
    back_not_known: "When it will be back is not known yet.",
    said: "Announcements",
    said_at: "{}, as known at entry {}",
    said_to: "For: {}",
    corrects: "Corrects what we said at {}",
    corrected: "Corrected at {}",
    older: "Older announcements that are not shown here: {}",
    next_update: "Next update at the latest: {}",
    next_update_not_known: "When there will be news is not known yet.",
    audiences: ["Insured people", "Practices", "Pharmacies", "Hospitals", "Employers", "Press"],
};
