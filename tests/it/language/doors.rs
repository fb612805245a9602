//! Ways into a sequence and out of it.

use super::sequences::letters;

#[test]
fn everything_named_in_stop_on_takes_the_lead_out() {
    let steps = "  - { id: one, after: 1d, say: Первое }\n  - { id: two, after: 1d, say: Второе, buttons: [{ text: Чай, to: \"@tea\" }] }\n";
    letters(
        "stop_on: [contact, bought, human, ended tea, tag gift]",
        steps,
        "
## a contact
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
> (contact +77011234567)
< Спасибо, записал: +7 701 123-45-67.
! contact
= in -
+ 3d

## a purchase
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
> /start main
< Прислать письма? …
> [Куплю]
< Хорошо.
= in -

## a call for a person
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
> /human
< Передаю: …
! human
= in -

## the end of a funnel
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
> чай
< Какой чай?
> улун
< Хорошо, принято.
= in -

## who has it already does not get in
lead: phone +77011234567
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
= in -

## stop always stops
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
> стоп
< Хорошо, больше не пишу первым. …
= in -
+ 9d

## a step of a funnel
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
> /start main
< Прислать письма? …
> [Хватит]
< Хорошо.
= in -

## the partner
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
> (leave letters)
= in -
> (enroll letters)
= in -
",
    );
    letters(
        "stop_on: [reply]",
        steps,
        "
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
+ 1d
< Первое …
> спасибо
< Я бот и понимаю не всё. … […]
= in -
",
    );
}

#[test]
fn what_happens_to_a_lead_lets_them_in_if_they_may() {
    for (on, talk) in [
        (
            "tag gift",
            "> /start main\n< Прислать письма? …\n> [Подарок]\n< Хорошо.\n= in letters\n",
        ),
        (
            "came",
            "> /start main\n< Прислать письма? …\n= in letters\n",
        ),
        ("entered tea", "> чай\n< Какой чай?\n= in letters\n"),
        (
            "ended tea",
            "> чай\n< Какой чай?\n= in -\n> улун\n< Хорошо, принято.\n= in letters\n",
        ),
        (
            "phone",
            "> (contact +77011234567)\n< Спасибо, …\n! contact\n= in letters\n",
        ),
    ] {
        let steps = "  - { id: one, after: 1d, say: Первое }\n";
        letters(&format!("enter: {{ on: [{on}] }}"), steps, talk);
        let never = talk.replace("= in letters", "= in -");
        let head = format!("enter: {{ on: [{on}], when: lead.score > 100 }}");
        letters(&head, steps, &never);
    }
}

#[test]
fn getting_in_again_follows_the_rule() {
    let again = "
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
+ 1d
< Первое …
= in -
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
";
    let steps = "  - { id: one, after: 1d, repeat: true, say: Первое }\n";
    letters("", steps, &format!("{again}= in -\n"));
    letters(
        "reentry: after_end\nmin_gap: 7d",
        steps,
        &format!(
            "{again}= in -\n+ 7d\n> /start main\n< Прислать письма? …\n> [Да]\n< Пришлю.\n= in letters\n"
        ),
    );
    letters(
        "reentry: always\nmin_gap: 1h",
        steps,
        "
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
+ 12h
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
+ 12h
= waits letters one 17.01 03:00
+ 12h
< Первое …
",
    );
}
