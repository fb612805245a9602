//! The short form of the proof `leap`.

#[tokio::test]
async fn process_a_leap_of_the_clock_brings_no_burst() {
    tests::proofs::short("leap").await;
}
