//! What the script needs: controls (hidden until it runs) and data.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use redyn_analysis::{Projection, ReadoutZoneSimulation};
use serde::Serialize;

use crate::figures::{Moving, moving};
use crate::svg::escape;
use crate::{Context, Error};

/// Bytes of thumbnails in the page, at most: it is to stay below 4 MB.
const MOST_PICTURES: usize = 1_500_000;

#[derive(Serialize)]
struct Data<'a> {
    moving: Vec<Moving<'a>>,
    pictures: BTreeMap<usize, String>,
    simulation: Option<Simulation<'a>>,
}

/// The readouts of the simulation, as recorded.
#[derive(Serialize)]
struct Simulation<'a> {
    readouts: &'a [[f64; 2]],
    bias: &'a [f64],
}

/// The controls of a figure, if it has any.
pub(crate) fn controls(context: &Context, figure: &str) -> String {
    let n_steps = context.networks.iter().map(|network| network.results.n_steps).max().unwrap_or(1);
    let last = n_steps - 1;
    match figure {
        "projection" => {
            let mut text = format!(
                "<div class=\"controls\" hidden>\n<button type=\"button\" id=\"play\">▶ play</button>\n\
                 <label class=\"slide\">step <input type=\"range\" id=\"step\" min=\"0\" max=\"{last}\" step=\"1\" \
                 value=\"{last}\"></label>\n<output id=\"step-now\" for=\"step\">t = {last}</output>\n"
            );
            if context.networks.len() > 1 {
                text.push_str("<label>show <select id=\"network\"><option value=\"\">all networks</option>");
                for (index, network) in context.networks.iter().enumerate() {
                    if network.results.get::<Projection>().is_some() {
                        let name = escape(&network.results.name);
                        let _ = write!(text, "<option value=\"{index}\">{name}</option>");
                    }
                }
                text.push_str("</select></label>\n");
            }
            text.push_str("<label><input type=\"checkbox\" id=\"trails\" checked> ways</label>\n");
            if !pictures(context).is_empty() {
                text.push_str("<label><input type=\"checkbox\" id=\"pictures\"> images</label>\n");
            }
            text + "</div>\n"
        }
        "readout_zone_simulation" => simulation(context).map_or_else(String::new, |found| {
            let [near, far] = [1, 2].map(|scene| found.scenes[scene].extent);
            format!(
                "<div class=\"controls\" hidden>\n<span>drag an arrow, or</span>\n<button type=\"button\" \
                 id=\"redraw\">draw others</button>\n<button type=\"button\" id=\"recorded\">as recorded\
                 </button>\n<label class=\"slide\">large norms <input type=\"range\" id=\"norm\" min=\"{:.2}\" \
                 max=\"2.5\" step=\"0.02\" value=\"{:.2}\"></label>\n<output id=\"norm-now\" for=\"norm\">up to \
                 {far}</output>\n</div>\n",
                near.log10(),
                far.log10(),
            )
        }),
        "transitions" if n_steps > 1 => format!(
            "<div class=\"controls\" hidden>\n<label class=\"slide\">steps <input type=\"range\" id=\"between\" \
             min=\"-1\" max=\"{}\" step=\"1\" value=\"-1\"></label>\n<output id=\"between-now\" \
             for=\"between\">all steps</output>\n</div>\n",
            n_steps - 2
        ),
        _ => String::new(),
    }
}

/// Places of moving points and pictures of images, as JSON that cannot end its element.
pub(crate) fn data(context: &Context) -> Result<String, Error> {
    let simulation =
        simulation(context).map(|found| Simulation { readouts: &found.readouts, bias: &found.bias });
    let data = Data { moving: moving(context), pictures: pictures(context), simulation };
    let json = serde_json::to_string(&data)?.replace('<', "\\u003c");
    Ok(format!("<script type=\"application/json\" id=\"data\">{json}</script>\n"))
}

fn simulation(context: &Context) -> Option<&ReadoutZoneSimulation> {
    context.networks.iter().find_map(|network| network.results.get())
}

/// Thumbnails of the images that are shown, until there is no room for more.
fn pictures(context: &Context) -> BTreeMap<usize, String> {
    let projections = context.networks.iter().filter_map(|network| network.results.get::<Projection>());
    let shown: BTreeSet<usize> =
        projections.flat_map(|projection| projection.shown.iter().map(|shown| shown.image)).collect();
    let mut room = MOST_PICTURES;
    let mut pictures = BTreeMap::new();
    for image in shown {
        let Some(address) = context.thumbnails.get(&image).map(crate::Thumbnail::address) else { continue };
        if address.len() <= room {
            room -= address.len();
            pictures.insert(image, address);
        }
    }
    pictures
}
