//! A small town in OpenStreetMap's format, and the routing servers that know it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Killed, free_port, pbf, wait_for};

/// Twelve by ten streets, a river with two bridges (ways 301 and 302).
pub fn town() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/town.osm")
}

/// A junction of the town: column from the west, row from the south.
pub fn corner(column: i32, row: i32) -> (f64, f64) {
    let jitter = f64::from((column * 7 + row * 13) % 5 - 2) * 0.00008;
    let lat = 41.2 + f64::from(row) * 150.0 / 111_194.9 + if row >= 5 { 0.0012 } else { 0.0 } + jitter;
    let lon = -9.6 + f64::from(column) * 150.0 / (111_194.9 * 41.2_f64.to_radians().cos()) + jitter;
    (lon, lat)
}

pub fn place((lon, lat): (f64, f64)) -> String {
    format!("{lon:.6},{lat:.6}")
}

/// OSRM's own programs on the same town; scripts/test obtains them.
pub fn osrm(folder: &Path) -> (Killed, String) {
    let home = PathBuf::from(
        std::env::var("FLEETFOLD_OSRM").expect("scripts/test obtains OSRM and names it in FLEETFOLD_OSRM"),
    );
    std::fs::copy(town(), folder.join("town.osm")).unwrap();
    let program = |name: &str, arguments: &[&str]| {
        let mut command = Command::new(home.join("bin").join(name));
        command.args(arguments).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let profile = home.join("share/profiles/car.lua");
    assert!(program("osrm-extract", &["-p", profile.to_str().unwrap(), "town.osm"]).status().unwrap().success());
    assert!(program("osrm-contract", &["town.osrm"]).status().unwrap().success());
    let port = free_port();
    let arguments = ["--ip", "127.0.0.1", "--port", &port.to_string(), "town.osrm"];
    let child = Killed(program("osrm-routed", &arguments).spawn().unwrap());
    wait_for(port);
    (child, format!("osrm:http://127.0.0.1:{port}"))
}

/// Valhalla's own programs on the same town; scripts/test obtains them.
pub fn valhalla(folder: &Path) -> (Killed, String) {
    let home = PathBuf::from(
        std::env::var("FLEETFOLD_VALHALLA").expect("scripts/test obtains Valhalla and names it in FLEETFOLD_VALHALLA"),
    );
    std::fs::write(folder.join("town.osm.pbf"), pbf::from_osm(&std::fs::read_to_string(town()).unwrap())).unwrap();
    let port = free_port();
    let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let ipc = |name: &str| format!("ipc://{}", at(name));
    let python = std::env::var("FLEETFOLD_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut configure = Command::new(python);
    configure.arg(home.join("valhalla/valhalla_build_config.py"));
    configure.args([
        "--mjolnir-tile-dir",
        &at("tiles"),
        "--mjolnir-concurrency",
        "1",
        "--mjolnir-id-table-size",
        "100000",
    ]);
    configure.args(["--httpd-service-listen", &format!("tcp://127.0.0.1:{port}")]);
    for stage in ["loki", "thor", "odin"] {
        configure.args([&format!("--{stage}-service-proxy"), &ipc(stage)]);
    }
    configure.args(["--httpd-service-loopback", &ipc("loopback"), "--httpd-service-interrupt", &ipc("interrupt")]);
    let config = configure.output().unwrap();
    assert!(config.status.success(), "{}", String::from_utf8_lossy(&config.stderr));
    std::fs::write(folder.join("valhalla.json"), config.stdout).unwrap();
    let program = |name: &str, arguments: &[&str]| {
        let mut command = Command::new(home.join("valhalla/bin").join(name));
        command.args(arguments).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    assert!(program("valhalla_build_tiles", &["-c", "valhalla.json", "town.osm.pbf"]).status().unwrap().success());
    let child = Killed(program("valhalla_service", &["valhalla.json", "1"]).spawn().unwrap());
    wait_for(port);
    (child, format!("valhalla:http://127.0.0.1:{port}"))
}
