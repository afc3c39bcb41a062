/** The target of the corpus: a small project with rows, policies and grants as they are common. Run by postgres. */
export const ground = `
    create type public.mood as enum ('sad', 'ok');
    create sequence public.ticket;
    create schema private;
    create schema hidden;
    revoke all on sequence public.ticket from anon, authenticated;

    create table public.runs (
        id       bigint generated always as identity primary key,
        owner_id uuid references auth.users (id) on delete set null,
        title    text not null default '',
        note     varchar(200),
        status   text,
        size     integer constraint runs_size check (size > 0),
        price    numeric(10, 2),
        ratio    double precision,
        at       timestamptz default now(),
        took     interval,
        flags    bit varying(8),
        constraint runs_note_given check (note is not null),
        constraint runs_size_bounded check (size < 1000000) not valid
    );
    create index runs_title on public.runs (title);
    alter table public.runs enable row level security;
    create policy runs_read on public.runs for select to authenticated using (owner_id = (select auth.uid()));
    create policy runs_write on public.runs for update to authenticated
        using (owner_id = (select auth.uid())) with check (owner_id = (select auth.uid()));
    create policy runs_kept on public.runs as restrictive for delete to authenticated using (status <> 'kept');
    revoke all on public.runs from anon;
    insert into public.runs (note, size, price) select 'a', n, n / 3.0 from generate_series(1, 1000) as n;

    create table public.people (id bigint primary key, name text, run_id bigint constraint people_run references public.runs (id));
    revoke all on public.people from anon, authenticated;
    insert into public.people select n, 'p' || n, n from generate_series(1, 100) as n;

    create table public.events (id bigint, at date) partition by range (at);
    create table public.events_2020 partition of public.events for values from ('2020-01-01') to ('2021-01-01');
    create table public.events_2021 (id bigint, at date);
    create table public.events_2022 (
        id bigint, at date,
        constraint events_2022_at check (at is not null and at >= date '2022-01-01' and at < date '2023-01-01')
    );
    alter table public.events enable row level security;
    alter table public.events force row level security;
    alter table public.events_2020 enable row level security;
    alter table public.events_2021 enable row level security;
    alter table public.events_2022 enable row level security;
    revoke all on public.events, public.events_2020, public.events_2021, public.events_2022 from anon, authenticated;
    insert into public.events_2021 values (1, '2021-02-02');

    create table public.visits (id bigint, at date) partition by range (at);
    create index visits_at on public.visits (at);
    create table public.visits_default partition of public.visits default;
    create table public.visits_2022 (
        id bigint, at date,
        constraint visits_2022_at check (at is not null and at >= date '2022-01-01' and at < date '2023-01-01')
    );
    revoke all on public.visits, public.visits_default, public.visits_2022 from anon, authenticated;
    insert into public.visits values (1, '2020-02-02');

    create table private.secrets (id bigint primary key, word text);
    insert into private.secrets values (1, 'open sesame');

    create table public."odd parent" ("a, b" bigint, c bigint, unique ("a, b", c));
    create table public.odd ("a ""b" bigint, "c, d" bigint, constraint odd_once unique ("a ""b", "c, d"));
    revoke all on public."odd parent", public.odd from anon, authenticated;
    insert into public.odd values (1, null), (null, null);

    create table public.shelves (id bigint primary key);
    create table public.books (
        id       bigint primary key references public.shelves (id) on delete cascade,
        place    jsonb,
        lent     text,
        previous bigint references public.books (id) on delete set null
    );
    create table public.loans (book_id bigint references public.books (id) on delete cascade);
    create table public.wishes (book_id bigint references public.books (id) on delete set null);
    create table public.prices (book_id bigint references public.books (id));
    create index books_lent on public.books (lent);
    create unique index wishes_book on public.wishes (book_id);
    revoke all on public.shelves, public.books, public.loans, public.wishes, public.prices from anon, authenticated;
    insert into public.shelves values (1), (2);

    create domain public.short as varchar(9);
    create table public.colors (code varchar(9) primary key);
    create table public.paints (color varchar(9) references public.colors (code));
    revoke all on public.colors, public.paints from anon, authenticated;

    create domain public.grade as integer default 3;
    create domain public.mark as public.grade;
    create table hidden.papers (id bigint, pages integer);
    create table hidden.reports () inherits (hidden.papers);
    insert into hidden.papers values (1, 1);
    insert into hidden.reports values (7, -1), (7, -1);

    create table public.words (
        w           integer,
        public      boolean,
        enabled     boolean,
        "ownerName" text constraint words_owned check ("ownerName" is not null)
    );
    create index words_public on public.words (public);
    create unique index words_owner on public.words ("ownerName");
    alter table public.words enable row level security;
    create policy words_update on public.words for update to authenticated using (w > 0);
    create policy words_public on public.words for select using (public);
    revoke all on public.words from anon;

    create domain public.cents as integer;
    create table public.bills (total public.cents, taxes numeric(10, 4)[]);
    revoke all on public.bills from anon, authenticated;
    insert into public.bills values (100, '{0.1234}');

    create view public.run_titles with (security_invoker = true) as select id, title from public.runs;
    create materialized view public.run_counts as select status, count(*) from public.runs group by status;
    revoke all on public.run_titles, public.run_counts from anon, authenticated;

    create table hidden.diary (line text);
    alter table hidden.diary enable row level security;
    create view hidden.diary_lines as select line from hidden.diary;
    create view public.lines with (security_invoker = true) as select line from hidden.diary_lines;
    revoke all on public.lines from anon;

    create function public.title_of(run bigint) returns text language sql stable set search_path = ''
        return (select title from public.runs where id = run);
    revoke all on function public.title_of(bigint) from public, anon, authenticated;
    create function private.touch() returns trigger language plpgsql set search_path = '' as $$ begin new.at = now(); return new; end $$;
    create function private.purge() returns void language sql set search_path = '' as 'delete from public.people where id > 50';
    create trigger runs_touch before update on public.runs for each row execute function private.touch();
    create trigger words_touch before update of enabled on public.words
        for each row execute function suppress_redundant_updates_trigger();
    create function hidden.count_runs() returns bigint language sql security definer set search_path = ''
        as 'select count(*) from public.runs';
    revoke all on function hidden.count_runs() from public, anon, authenticated;
    grant create on schema hidden to service_role;
    alter function hidden.count_runs() owner to service_role;
    revoke create on schema hidden from service_role;
    create role reporting;
    grant select on public.prices to reporting;
    analyze`;
