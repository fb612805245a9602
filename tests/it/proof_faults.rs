//! The short form of the proof `faults`.

#[tokio::test]
async fn process_faults_of_every_kind_lose_nothing() {
    tests::proofs::short("faults").await;
}
