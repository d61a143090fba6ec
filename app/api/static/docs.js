"use strict";

// The page would fill in defaults and examples and send them all: an untouched option must stay unsent.
function withoutPrefill(option) {
  const { examples, default: byDefault, ...schema } = option.schema;
  const remarks = [option.description];
  if (byDefault !== undefined) remarks.push(`Default: \`${byDefault}\`.`);
  if (schema.minimum !== undefined) remarks.push(`From ${schema.minimum} to ${schema.maximum}.`);
  if (schema.maxLength !== undefined) remarks.push(`At most ${schema.maxLength} characters.`);
  if (examples?.length && !schema.enum && schema.type !== "boolean") {
    remarks.push(`Example: \`${examples.join("` or `")}\`.`);
  }
  return { ...option, schema, description: remarks.join(" ") };
}

// Options may be sent in the form or in the query string; the page shows each one once, in the query string.
function forThePage(description) {
  for (const operations of Object.values(description.paths)) {
    for (const operation of Object.values(operations)) {
      operation.parameters = (operation.parameters ?? []).map(withoutPrefill);
      const form = operation.requestBody?.content?.["multipart/form-data"]?.schema;
      for (const each of operation.parameters) delete form?.properties?.[each.name];
    }
  }
  return description;
}

async function show() {
  const answer = await fetch("openapi.json");
  if (!answer.ok) throw new Error(`openapi.json: HTTP ${answer.status}`);
  const description = forThePage(await answer.json());
  // The service lies beside this page, wherever a proxy puts both.
  description.servers = [{ url: location.origin + location.pathname.replace(/\/+[^/]*$/, "") }];
  SwaggerUIBundle({
    spec: description,
    dom_id: "#docs",
    deepLinking: true,
    displayRequestDuration: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    // null keeps the page from asking a validator on another host for a badge.
    validatorUrl: null,
  });
}

// From a page with a key in its address, as in http://user:KEY@host/docs, a browser refuses every request. It keeps
// the key, so that the bare address opens too.
const address = new URL(document.URL);
if (address.username || address.password) {
  address.username = address.password = "";
  location.replace(address);
} else {
  show().catch((error) => {
    document.getElementById("docs").textContent = `The description of the API did not load: ${error.message}`;
  });
}
