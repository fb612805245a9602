//! The short form of the proof `storm`.

#[tokio::test]
async fn process_a_storm_of_kills_and_faults_doubles_no_step_and_loses_none_in_silence() {
    tests::proofs::short("storm").await;
}
