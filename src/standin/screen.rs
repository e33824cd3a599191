//! The screen dialect: a form as a page of HTML with everything around it that the service sends.
//!
//! The members and their constants are those of the one documented example.

use super::flow::{Button, ButtonKind, Field, Flow, Form};
use super::page::Site;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// The form in the screen dialect.
pub fn write(flow: &Flow, form: &Form, site: Site<'_>) -> Value {
    json!({
        "id": form.id,
        "companyId": site.company,
        "flowId": flow.id,
        "connectionId": form.style.connection,
        "capabilityName": form.style.capability,
        "screen": {
            "name": "HTTP",
            "properties": properties(form),
            "userViews": [{
                "screenTemplateName": "CustomHTMLTemplate",
                "items": SHOWN.map(|name| json!({ "propertyName": name })),
            }],
            "metadata": {
                "colors": { "canvas": "#AFD5FF", "canvasText": "#253746", "dark": "#2E5EA6" },
                "logos": { "canvas": { "imageFileName": "http.svg" } },
            },
        },
    })
}

/// Properties of a page, in the order of the documented example.
const SHOWN: [&str; 10] = [
    "sktemplate",
    "customHTML",
    "validationRules",
    "customCSS",
    "customScript",
    "inputSchema",
    "outputSchema",
    "formFieldsList",
    "challenge",
    "button",
];

fn properties(form: &Form) -> Value {
    let mut challenge = property(
        ("Challenge", 1_657_665_418_279),
        json!({ "type": "string", "preferredControlType": "textField", "enableParameters": true }),
    );
    if form.polling.is_some_and(|polling| polling.challenge) {
        challenge["value"] = json!("{{challenge}}");
    }
    let mut properties = json!({
        "sktemplate": property(("Template", 1_657_665_418_265), json!({ "type": "string" })),
        "customHTML": property(("HTML Template", 1_657_665_418_205), json!({
            "type": "string", "preferredControlType": "textArea", "enableParameters": true,
            "maximizeToggle": true, "viewToggle": true, "largePayload": true,
            "value": html(form),
        })),
        "validationRules": property(("Form validation rules", 1_657_665_418_203), json!({
            "type": "object", "value": [], "info": "Rules to check to validate form inputs",
            "preferredControlType": "validationRules",
        })),
        "customCSS": property(("CSS", 1_657_665_418_313), json!({
            "type": "string", "preferredControlType": "codeEditor", "language": "css",
            "maximizeToggle": true, "largePayload": true,
        })),
        "customScript": property(("Script", 1_657_665_418_314), json!({
            "type": "string", "preferredControlType": "codeEditor", "value": "",
            "language": "javascript", "maximizeToggle": true,
        })),
        "inputSchema": property(("Input Schema", 1_657_665_418_286), schema()),
        "outputSchema": property(("Output Schema", 1_657_665_418_168), schema()),
        "formFieldsList": property(("Output Fields List", 1_657_665_418_278), json!({
            "type": "array", "constructType": "formFieldsList",
            "preferredControlType": "formFieldsList", "hideLabel": false,
            "value": fields(form),
        })),
        "challenge": challenge,
        "button": property(("Submit", 1_657_665_418_275), json!({
            "constructType": "button", "logo": "", "showLogo": true,
            "preferredControlType": "button",
            "css": { "backgroundColor": "#1CAB42", "color": "#ffffff" },
            "onClick": {
                "constructType": "skEvent", "eventName": "continue", "params": [],
                "eventType": "post", "postProcess": {},
            },
        })),
        "nodeTitle": { "value": form.name },
    });
    if let Some(polling) = form.polling {
        // How a screen tells its polling is not documented: these names are assumed.
        properties["pollInterval"] = json!({ "value": "{{interval}}" });
        properties["pollRetries"] = json!({ "value": "{{retries}}" });
        properties["pollChallengeStatus"] = json!({ "value": polling.challenge });
    }
    properties
}

/// A property with the members that all of them have.
fn property((name, created): (&str, u64), mut of_it: Value) -> Value {
    of_it["displayName"] = json!(name);
    of_it["createdDate"] = json!(created);
    of_it["customerId"] = json!("ecb9bf8a2fab854e65045d02cb6bab50");
    of_it["companyId"] = json!("singularkey");
    of_it
}

fn schema() -> Value {
    json!({
        "type": "string", "preferredControlType": "codeEditor", "language": "json",
        "info": "Follow example for JSON schema.", "maximizeToggle": true,
    })
}

/// `formFieldsList`: what the page sends back, the pressed button included.
fn fields(form: &Form) -> Vec<Value> {
    let valued = form.fields.iter().filter(|field| !field.initial.is_empty());
    let button = json!({
        "preferredControlType": "textField", "preferredDataType": "string",
        "propertyName": "buttonValue",
    });
    valued
        .map(|field| {
            let secret = matches!(field.kind, "PASSWORD" | "PASSWORD_VERIFY");
            let mut entry = json!({
                "preferredControlType": "textField",
                "preferredDataType": data_type(field),
                "propertyName": field.key,
                "hashedVisibility": secret,
            });
            if !field.label.is_empty() {
                entry["displayName"] = json!(field.label);
            }
            entry
        })
        .chain([button])
        .collect()
}

fn data_type(field: &Field) -> &'static str {
    match field.initial.as_bytes().first() {
        Some(b'[') => "array",
        Some(b'{') => "object",
        Some(b't' | b'f') => "boolean",
        _ => "string",
    }
}

/// The page itself.
fn html(form: &Form) -> String {
    let name = form_name(form);
    let mut page = format!(
        "<div class=\"app-container\">\n\t<div class=\"card__content\">\n\t\t<h1>{}</h1>\n\t\t\
         <p>{}</p>\n\t\t<div data-skcomponent=\"skerror\" class=\"feedback feedback--error \
         sk-alert\" data-id=\"feedback\" data-skvisibility=\"\"></div>\n\t\t\
         <form class=\"form\" id=\"{name}\" data-id=\"{name}\">\n",
        escape(form.name),
        escape(form.description),
    );
    let input = |page: &mut String, field: &Field| {
        let kind =
            if matches!(field.kind, "PASSWORD" | "PASSWORD_VERIFY") { "password" } else { "text" };
        let (key, label) = (escape(field.key), escape(field.label));
        // Writing to a string cannot fail.
        let _ = write!(
            page,
            "\t\t\t<div class=\"field float-label\">\n\t\t\t\t<input class=\"text-input\" \
             data-id=\"{key}-input\" id=\"{key}\" name=\"{key}\" type=\"{kind}\" \
             autocomplete=\"on\" value=\"\" />\n\t\t\t\t\
             <label class=\"float-label__label\" for=\"{key}\">{label}</label>\n\t\t\t</div>\n",
        );
    };
    for field in form.fields {
        if !field.initial.is_empty() {
            input(&mut page, field);
        } else if let Some(content) = content(field) {
            let _ = writeln!(page, "\t\t\t<p>{}</p>", escape(&content));
        }
    }
    for button in form.buttons {
        page.push_str(&button_html(button, &name));
    }
    page.push_str("\t\t</form>\n\t</div>\n</div>\n");
    page.replace("{{echo}}", "{{echo-html}}")
}

fn button_html(button: &Button, form: &str) -> String {
    let (kind, event) = match button.kind {
        ButtonKind::Primary => ("submit", "form-submit"),
        ButtonKind::Aside | ButtonKind::Link | ButtonKind::Social => ("button", "next-event"),
        ButtonKind::Hidden => return String::new(),
    };
    let (key, label) = (escape(button.key), escape(button.label));
    format!(
        "\t\t\t<div class=\"control\">\n\t\t\t\t<button class=\"field is-primary mt-2 button\" \
         data-id=\"button\" type=\"{kind}\" data-skcomponent=\"skbutton\" \
         data-skbuttontype=\"{event}\" data-skform=\"{form}\" data-skbuttonvalue=\"{key}\">\
         {label}</button>\n\t\t\t</div>\n",
    )
}

/// Name of the HTML form, made of the words of its title as in the documented example.
fn form_name(form: &Form) -> String {
    let mut name: String = form.name.chars().filter(char::is_ascii_alphanumeric).collect();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    name
}

/// The text of a field that takes no value.
fn content(field: &Field) -> Option<String> {
    let members: Map<String, Value> = serde_json::from_str(&format!("{{{}}}", field.more)).ok()?;
    Some(members.get("content")?.as_str()?.to_owned())
}

/// A text as it stands in HTML and in its quoted attributes.
pub fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, character| {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::super::flows::STOCK;
    use super::*;

    #[test]
    fn a_page_has_its_fields_and_buttons() {
        let page = html(STOCK.first().unwrap());
        for part in [
            "name=\"username\" type=\"text\"",
            "name=\"password\" type=\"password\"",
            "type=\"submit\" data-skcomponent=\"skbutton\" data-skbuttontype=\"form-submit\" \
             data-skform=\"usernamePasswordForm\" data-skbuttonvalue=\"SIGNON\">Sign On<",
            "data-skbuttontype=\"next-event\" data-skform=\"usernamePasswordForm\" \
             data-skbuttonvalue=\"REGISTER\">No account? Register now!<",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
    }

    #[test]
    fn the_list_of_fields_marks_secrets_and_ends_with_the_button() {
        let list = fields(STOCK.first().unwrap());
        let name = |entry: &Value| entry["propertyName"].as_str().unwrap().to_owned();
        let names: Vec<String> = list.iter().map(name).collect();
        assert_eq!(names, ["username", "password", "buttonValue"]);
        assert_eq!(list[0]["hashedVisibility"], false);
        assert_eq!(list[1]["hashedVisibility"], true);
    }

    #[test]
    fn nothing_in_a_text_can_break_out_of_the_page() {
        assert_eq!(escape("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    }
}
