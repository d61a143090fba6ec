"use strict";

// Options are taken from the query string too; the page shows each one once, as a form field.
function withoutRepetition(description) {
  for (const operations of Object.values(description.paths)) {
    for (const operation of Object.values(operations)) {
      const form = operation.requestBody?.content?.["multipart/form-data"]?.schema?.properties ?? {};
      operation.parameters = (operation.parameters ?? []).filter((each) => !(each.name in form));
    }
  }
  return description;
}

async function show() {
  const answer = await fetch("openapi.json");
  if (!answer.ok) throw new Error(`openapi.json: HTTP ${answer.status}`);
  SwaggerUIBundle({
    spec: withoutRepetition(await answer.json()),
    dom_id: "#docs",
    deepLinking: true,
    displayRequestDuration: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    // null keeps the page from asking a validator on another host for a badge.
    validatorUrl: null,
  });
}

show().catch((error) => {
  document.getElementById("docs").textContent = `The description of the API did not load: ${error.message}`;
});
