//! The short form of the proof `canary`.

#[tokio::test]
async fn process_nothing_written_holds_a_secret() {
    tests::proofs::short("canary").await;
}
