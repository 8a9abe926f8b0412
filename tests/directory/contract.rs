//! What every directory has to do, held by a callback, PostgreSQL and SQLite alike; and what each
//! database does beside it.

use crate::{
    KEY,
    backend::{Backend, Mood},
    database::{Folder, Postgres},
};
use serde_json::{Value, json};
use std::{path::PathBuf, sync::Arc, time::Duration};
use vestibule::{
    directory::{
        Bounds, Checks, Directory, HttpDirectory, Outcome, Profile, SqlDirectory, SqlFault,
        SqlSettings, Standing,
    },
    fetch::{Address, Trust, TrustFault},
    protocol::{credential::Password, identity::Identity},
};

/// Of "sesame", made by Django.
const HASH: &str = "pbkdf2_sha256$1000$NaCl$28IZOZwgm/hXiXbhJlBPyeJ7ENs6N9ApaIhud2VgAxo=";
const QUERY: &str = "select active, rooms, info, recheck_ms from users \
                     where id = $1 and issuer = $2";
const PASSWORD_QUERY: &str = "select id as subject, active, hash as password_hash, info \
                              from users where name = $1";

/// One who keeps users, and can be asked.
trait Keeper {
    fn directory(&self) -> Arc<dyn Directory>;
    /// Keeps one user more.
    fn keep(&mut self, user: &User);
    /// Nobody answers.
    async fn fail(&mut self);
    /// Somebody answers again.
    async fn recover(&mut self);
}

struct User {
    id: &'static str,
    issuer: &'static str,
    name: &'static str,
    active: bool,
    rooms: Option<&'static str>,
    info: Option<&'static str>,
    recheck_ms: Option<u64>,
}

const ANN: User = User {
    id: "42",
    issuer: "https://app.example",
    name: "ann",
    active: true,
    rooms: Some(r#"{"team:7": ["join"]}"#),
    info: Some(r#"{"name":"Ann"}"#),
    recheck_ms: Some(30_000),
};
const BOB: User =
    User { id: "it's", name: "bob", rooms: None, info: None, recheck_ms: None, ..ANN };
const EVE: User = User { id: "e", name: "eve", active: false, ..BOB };
const WITHOUT_ISSUER: User = User { id: "w", name: "w", issuer: "", ..BOB };

async fn find(directory: &dyn Directory, issuer: Option<&str>, subject: &str) -> Outcome {
    let identity = Identity {
        issuer: issuer.map(Into::into),
        subject: subject.into(),
        user: "not asked for".into(),
    };
    directory.find(Arc::new(identity)).await
}

async fn of_app(directory: &dyn Directory, subject: &str) -> Outcome {
    find(directory, Some(ANN.issuer), subject).await
}

async fn check(directory: &dyn Directory, user: &str, password: &str) -> Outcome {
    directory.check(Password::new(user, password)).await
}

fn active(change: impl FnOnce(&mut Profile)) -> Outcome {
    let mut profile = Profile::default();
    change(&mut profile);
    Ok(Standing::Active(Arc::new(profile)))
}

/// The contract.
async fn keeps_the_contract(mut keeper: impl Keeper) {
    let directory = keeper.directory();
    let directory = &*directory;
    for user in [ANN, BOB, EVE, WITHOUT_ISSUER] {
        keeper.keep(&user);
    }
    let ann = active(|profile| {
        profile.set_rooms(ANN.rooms.expect("rooms")).expect("a grant");
        profile.set_info(ANN.info.expect("info")).expect("info");
        profile.recheck_ms = ANN.recheck_ms;
    });
    assert_eq!(of_app(directory, "42").await, ann);
    assert_eq!(of_app(directory, "it's").await, active(|_| {}));
    assert_eq!(of_app(directory, "e").await, Ok(Standing::Disabled));
    assert_eq!(find(directory, None, "w").await, active(|_| {}));
    // Neither of another issuer, nor half of a name, nor SQL.
    for nobody in ["", "4", "420", "%", "' or '1'='1", "w", "🦀", &"x".repeat(255)] {
        assert_eq!(of_app(directory, nobody).await, Ok(Standing::Unknown), "{nobody}");
    }
    assert_eq!(find(directory, None, "42").await, Ok(Standing::Unknown));
    // Passwords: right, wrong, of nobody, of somebody who may not come in.
    let right = check(directory, "ann", "sesame").await;
    let Ok(Standing::Active(profile)) = &right else { panic!("{right:?}") };
    assert_eq!(profile.subject.as_deref(), Some("42"));
    assert_eq!(check(directory, "ann", "Sesame").await, Ok(Standing::Unknown));
    assert_eq!(check(directory, "nobody", "sesame").await, Ok(Standing::Unknown));
    assert_eq!(check(directory, "' or '1'='1", "sesame").await, Ok(Standing::Unknown));
    assert_eq!(check(directory, "eve", "sesame").await, Ok(Standing::Disabled));
    assert_eq!(check(directory, "eve", "wrong").await, Ok(Standing::Unknown));
    // An outage is said to be one, and over when it is over.
    keeper.fail().await;
    assert!(of_app(directory, "42").await.is_err());
    assert!(check(directory, "ann", "sesame").await.is_err());
    assert!(check(directory, "nobody", "sesame").await.is_err());
    keeper.recover().await;
    assert_eq!(of_app(directory, "42").await, ann);
    assert_eq!(check(directory, "ann", "sesame").await, right);
    // Many at a time are many answers.
    let all = (0..40).map(|n| of_app(directory, if n % 2 == 0 { "42" } else { "e" }));
    for (n, outcome) in futures_util::future::join_all(all).await.into_iter().enumerate() {
        assert_eq!(outcome, if n % 2 == 0 { ann.clone() } else { Ok(Standing::Disabled) });
    }
    // A question that is given up leaves no mark.
    drop(directory.find(Arc::new(Identity {
        issuer: None,
        subject: "42".into(),
        user: "42".into(),
    })));
    assert_eq!(of_app(directory, "42").await, ann);
}

struct Callback(Backend);

impl Keeper for Callback {
    fn directory(&self) -> Arc<dyn Directory> {
        let address = Address::parse(&self.0.url()).expect("an address");
        let directory = HttpDirectory::new(address, Trust::nobody().expect("TLS"), 10_000);
        Arc::new(directory.with_key(KEY.as_bytes()).expect("a header"))
    }

    fn keep(&mut self, user: &User) {
        let raw = |text: Option<&str>| -> Value {
            text.map_or(Value::Null, |text| serde_json::from_str(text).expect("JSON"))
        };
        let status = if user.active { "active" } else { "disabled" };
        let mut answer = json!({
            "status": status, "rooms": raw(user.rooms), "info": raw(user.info),
            "recheck_ms": user.recheck_ms,
        });
        let issuer = if user.issuer.is_empty() { "" } else { "app " };
        self.0.say(&format!("{issuer}{}", user.id), answer.clone());
        answer["subject"] = json!(user.id);
        self.0.say(&format!("{} sesame", user.name), answer);
    }

    async fn fail(&mut self) {
        self.0.mood(Mood::Says("<html>"));
    }

    async fn recover(&mut self) {
        self.0.mood(Mood::Good);
    }
}

#[tokio::test]
async fn a_callback_keeps_the_contract() {
    let backend = Backend::start().await;
    backend.tell_issuers_apart();
    keeps_the_contract(Callback(backend)).await;
}

fn sql(dsn: &str, query: &str) -> SqlDirectory {
    try_sql(dsn, query).expect("a directory")
}

fn try_sql(dsn: &str, query: &str) -> Result<SqlDirectory, SqlFault> {
    let settings = SqlSettings {
        dsn,
        query,
        password_query: Some(PASSWORD_QUERY),
        own_authorities: false,
        connections: 4,
        timeout_ms: 10_000,
    };
    SqlDirectory::new(&settings, || Err(TrustFault::NoAuthorities))
}

/// An INSERT for a user.
fn insert(user: &User) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let text = |text: Option<&str>| text.map_or("null".to_owned(), quoted);
    let ms = user.recheck_ms.map_or("null".to_owned(), |ms| ms.to_string());
    format!(
        "insert into users values ({}, {}, {}, {}, {}, {}, {ms}, '{HASH}')",
        quoted(user.id),
        quoted(user.issuer),
        quoted(user.name),
        user.active,
        text(user.rooms),
        text(user.info),
    )
}

struct Server(Postgres);

impl Keeper for Server {
    fn directory(&self) -> Arc<dyn Directory> {
        Arc::new(sql(&self.0.dsn(), QUERY))
    }

    fn keep(&mut self, user: &User) {
        self.0.execute(&insert(user));
    }

    async fn fail(&mut self) {
        self.0.stop();
    }

    async fn recover(&mut self) {
        self.0.serve();
    }
}

const PG_TABLE: &str = "create table users (id text primary key, issuer text not null, \
    name varchar(150) unique, active boolean not null, rooms jsonb, info json, \
    recheck_ms bigint, hash varchar(128))";

#[tokio::test]
async fn postgresql_keeps_the_contract() {
    let postgres = Postgres::start();
    postgres.execute(PG_TABLE);
    keeps_the_contract(Server(postgres)).await;
}

struct File {
    folder: Folder,
}

impl File {
    fn new() -> Self {
        let file = Self { folder: Folder::new("sqlite") };
        file.execute(
            "create table users (id text primary key, issuer text not null, name text unique, \
             active boolean not null, rooms text, info text, recheck_ms integer, hash text)",
        );
        file
    }

    fn path(&self) -> PathBuf {
        self.folder.0.join("users.db")
    }

    fn dsn(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }

    fn execute(&self, sql: &str) {
        let connection = rusqlite::Connection::open(self.path()).expect("a file");
        connection.execute_batch(sql).expect("good SQL");
    }
}

impl Keeper for File {
    fn directory(&self) -> Arc<dyn Directory> {
        Arc::new(sql(&self.dsn(), QUERY))
    }

    fn keep(&mut self, user: &User) {
        self.execute(&insert(user));
    }

    async fn fail(&mut self) {
        std::fs::rename(self.path(), self.folder.0.join("away")).expect("moved");
    }

    async fn recover(&mut self) {
        std::fs::rename(self.folder.0.join("away"), self.path()).expect("moved back");
    }
}

#[tokio::test]
async fn sqlite_keeps_the_contract() {
    keeps_the_contract(File::new()).await;
}

#[tokio::test]
async fn rows_that_say_nothing_of_use_are_an_outage() {
    let file = File::new();
    let postgres = Postgres::start();
    let both = [
        "select 1 as active where $1 = '' union select 2 as active",
        "select null as active where $1 = '42'",
        "select 'yes' as active where $1 = '42'",
        "select 1 as other where $1 = '42'",
        "select 1 as active where $1 = '42' union select 0 as active",
        "select 1 as active, '[]' as rooms where $1 = '42'",
        "select 1 as active, 'Ann' as info where $1 = '42'",
        "select 1 as active, -5 as recheck_ms where $1 = '42'",
        "select 1 as active, 'soon' as recheck_ms where $1 = '42'",
        "select nonsense where $1 = '42'",
    ];
    for dsn in [file.dsn(), postgres.dsn()] {
        for query in both {
            let said = of_app(&sql(&dsn, query), "42").await;
            let why = said.expect_err(query).to_string();
            assert!(!why.contains("Ann"), "{why}");
        }
        let number = "select 1 as active, 7 as subject where $1 = '42' and $2 <> ''";
        assert!(matches!(of_app(&sql(&dsn, number), "42").await, Ok(Standing::Active(_))));
    }
    // What a cast cannot read is not quoted: it may be a secret.
    let cast = sql(&postgres.dsn(), "select true as active where $1::bigint = 42");
    assert!(matches!(of_app(&cast, "42").await, Ok(Standing::Active(_))));
    let why = of_app(&cast, "sesame").await.expect_err("no number").to_string();
    assert!(!why.contains("sesame"), "{why}");
    let case = "select true as active where case when $1 ~ '^[0-9]{1,18}$' \
                then $1::bigint = 42 else false end";
    assert_eq!(of_app(&sql(&postgres.dsn(), case), "sesame").await, Ok(Standing::Unknown));
}

#[tokio::test]
async fn a_file_that_is_replaced_is_another_file_and_none_is_written() {
    let mut file = File::new();
    file.keep(&ANN);
    let directory = file.directory();
    assert!(matches!(of_app(&*directory, "42").await, Ok(Standing::Active(_))));
    // A backup is put back, as people do it.
    let other = File::new();
    std::fs::rename(other.path(), file.path()).expect("replaced");
    assert_eq!(of_app(&*directory, "42").await, Ok(Standing::Unknown));
    let writes = sql(&file.dsn(), "delete from users where id = $1 returning 1 as active");
    assert!(of_app(&writes, "42").await.is_err());
    let made = sql("sqlite:/no/such/folder/users.db", QUERY);
    assert!(of_app(&made, "42").await.is_err());
}

#[tokio::test]
async fn a_query_that_takes_for_ever_ends() {
    let file = File::new();
    let settings = SqlSettings {
        dsn: &file.dsn(),
        query: "with recursive n(i) as (select 1 union all select i + 1 from n) \
                select count(*) as active from n where $1 <> ''",
        password_query: None,
        own_authorities: false,
        connections: 1,
        timeout_ms: 50,
    };
    let directory = SqlDirectory::new(&settings, Trust::nobody).expect("a directory");
    assert!(of_app(&directory, "42").await.is_err());
    assert_eq!(check(&directory, "ann", "sesame").await, Ok(Standing::Unknown), "no query");
}

#[tokio::test]
async fn a_query_that_hangs_takes_no_more_connections_than_are_its() {
    const CONNECTIONS: usize = 4;
    let postgres = Postgres::start();
    postgres.execute(PG_TABLE);
    postgres.execute(&insert(&ANN));
    let login = |name: &str| {
        let mut config: tokio_postgres::Config = postgres.dsn().parse().expect("a DSN");
        config.application_name(name);
        async move {
            let (client, connection) = config.connect(tokio_postgres::NoTls).await.expect("in");
            tokio::spawn(connection);
            client
        }
    };
    let (locker, watcher) = (login("locker").await, login("watcher").await);
    let settings = SqlSettings {
        dsn: &postgres.dsn(),
        query: QUERY,
        password_query: None,
        own_authorities: false,
        connections: CONNECTIONS,
        timeout_ms: 60_000,
    };
    let directory = SqlDirectory::new(&settings, Trust::nobody).expect("a directory");
    let lock = "begin; lock table users in access exclusive mode";
    locker.batch_execute(lock).await.expect("locked");
    let count = "select count(*) from pg_stat_activity where application_name = 'vestibule'";
    let mut most = 0;
    for _ in 0..10 {
        let all = (0..CONNECTIONS)
            .map(|_| tokio::time::timeout(Duration::from_millis(100), of_app(&directory, "42")));
        for outcome in futures_util::future::join_all(all).await {
            assert!(outcome.is_err(), "the table is locked");
        }
        let now: i64 = watcher.query_one(count, &[]).await.expect("a count").get(0);
        most = most.max(now);
    }
    assert!((1..=CONNECTIONS as i64 + 1).contains(&most), "{most} connections");
    locker.batch_execute("rollback").await.expect("free");
    assert!(matches!(of_app(&directory, "42").await, Ok(Standing::Active(_))));
    let told = sql(
        &postgres.dsn(),
        "select current_setting('statement_timeout') = '10s' as active \
        where $1 <> ''",
    );
    assert!(matches!(of_app(&told, "42").await, Ok(Standing::Active(_))), "the server knows");
    let many = "select true as active from generate_series(1, 1000000000) n where $1 <> ''";
    assert!(of_app(&sql(&postgres.dsn(), many), "42").await.is_err(), "several");
}

#[tokio::test]
async fn who_has_no_password_of_use_is_nobody() {
    let file = File::new();
    let postgres = Postgres::start();
    for dsn in [file.dsn(), postgres.dsn()] {
        for hash in ["null", "'!'", "''", "'md5$a$b'", "cast(null as varchar(9))"] {
            let query = format!("select 1 as active, {hash} as password_hash where $1 = 'ann'");
            let settings = SqlSettings {
                dsn: &dsn,
                query: QUERY,
                password_query: Some(&query),
                own_authorities: false,
                connections: 1,
                timeout_ms: 10_000,
            };
            let directory = SqlDirectory::new(&settings, Trust::nobody).expect("a directory");
            for name in ["ann", "nobody"] {
                let said = check(&directory, name, "sesame").await;
                assert_eq!(said, Ok(Standing::Unknown), "{name} with {hash}");
            }
        }
    }
}

#[tokio::test]
async fn a_parameter_that_nothing_is_bound_to_is_an_outage() {
    let mut file = File::new();
    file.keep(&ANN);
    for query in [
        "select active from users where id = $1::int",
        "select active from users where id = $1 and issuer = :issuer",
        "select active from users where id = ?1",
        "select active from users where id = $2::text and $1 <> ''",
    ] {
        let why = of_app(&sql(&file.dsn(), query), "42").await.expect_err(query).to_string();
        assert!(why.contains("parameter"), "{why}");
    }
    let cast = "select active from users where cast(id as text) = $1";
    assert!(matches!(of_app(&sql(&file.dsn(), cast), "42").await, Ok(Standing::Active(_))));
    assert_eq!(of_app(&sql(&file.dsn(), cast), "042").await, Ok(Standing::Unknown));
}

#[tokio::test]
async fn a_line_that_leaves_the_machine_is_encrypted() {
    // Whether authorities are asked for says whether it would be.
    let encrypts = |dsn: &str| match try_sql(dsn, QUERY) {
        Ok(_) => false,
        Err(SqlFault::Trust(TrustFault::NoAuthorities)) => true,
        Err(fault) => panic!("{dsn}: {fault}"),
    };
    for dsn in [
        "postgres://u:p@db.example/app",
        "postgres://u:p@192.0.2.1/app",
        "postgres://u:p@localhost,db.example/app",
        "postgres://u:p@localhost/app?sslmode=require",
        // An address goes before a name, and a password is none of the options.
        "postgres://u:p@localhost/app?hostaddr=192.0.2.1",
        "postgres://u:sslmode=disable@db.example/app",
        "postgres://u:p?sslmode=disable@db.example/app",
        "postgres://u:p?sslmode=prefer@db.example/app",
    ] {
        assert!(encrypts(dsn), "{dsn}");
    }
    for dsn in [
        "postgres://u:p@localhost/app",
        "postgresql://u:p@127.0.0.1:6543/app",
        "postgres://u:p@[::1]/app",
        "postgres://u:p@%2Frun%2Fpostgresql/app",
        "postgres://u:p@db.example/app?sslmode=disable",
        "postgres://u:p@db.example/app?hostaddr=127.0.0.1",
    ] {
        assert!(!encrypts(dsn), "{dsn}");
    }
    for (dsn, wanted) in [
        ("mysql://u:sesame@db/app", SqlFault::Scheme),
        ("postgres://u:sesame@db:many/app", SqlFault::Postgres),
        ("postgres://", SqlFault::Postgres),
        ("postgres://u:sesame@db/app?sslmode=verify-full", SqlFault::Postgres),
        ("postgres://u:sesame@localhost/app?sslmode=prefer", SqlFault::Prefer),
        ("postgres://u:sesame@db/app?connect_timeout=3&sslmode=prefer", SqlFault::Prefer),
        ("sqlite:relative.db", SqlFault::Path),
        ("sqlite://relative.db", SqlFault::Path),
        ("sqlite::memory:", SqlFault::Path),
    ] {
        let fault = try_sql(dsn, QUERY).expect_err(dsn);
        assert!(!fault.to_string().contains("sesame"), "{fault}");
        assert_eq!(fault, wanted, "{dsn}");
    }
}

#[tokio::test]
async fn a_database_restarts_in_the_middle_of_logins() {
    let mut postgres = Postgres::start();
    postgres.execute(PG_TABLE);
    postgres.execute(
        "insert into users select n::text, '', 'u' || n, n % 10 <> 1 from generate_series(1, 300) n",
    );
    let directory: Arc<dyn Directory> = Arc::new(sql(&postgres.dsn(), QUERY));
    let register = vestibule::directory::Register::new(directory, Bounds::default());
    let checks = Checks { register, passwords: None };
    let host = crate::host(2, &checks, |_| {});
    let mut failed = 0;
    let ask = async |n: usize| crate::logins::insist(&host, &n.to_string()).await;
    for round in 0..3 {
        let ours = round * 100 + 1..=round * 100 + 100;
        let crowd = futures_util::future::join_all(ours.clone().map(&ask));
        // Its connections are cut while they are in use, or idle.
        let restart = tokio::task::spawn_blocking(move || {
            postgres.stop();
            postgres.serve();
            postgres
        });
        let (heard, restarted) = futures_util::future::join(crowd, restart).await;
        postgres = restarted.expect("no panic");
        for (n, (word, tries)) in ours.zip(heard) {
            assert_eq!(word, if n % 10 == 1 { "revoked" } else { "auth_ok" }, "user {n}");
            failed += tries;
        }
    }
    assert!(failed > 0, "nobody noticed");
    let nobody = crate::logins::insist(&host, "301").await;
    assert_eq!(nobody, ("token_invalid".to_owned(), 0));
    host.stop().await;
}
