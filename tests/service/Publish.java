import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

/** Publishes with the JDK's own client as it comes: over plain http it offers HTTP/2 with every new connection. */
public class Publish {
    public static void main(String[] given) throws Exception {
        var client = HttpClient.newHttpClient();
        var authorization = new String(System.in.readAllBytes());
        for (var name : new String[] {"plain", "kept", "asked"}) {
            var request = HttpRequest.newBuilder(URI.create(given[0]))
                .header("Authorization", authorization)
                .header("Content-Type", "application/json")
                .header("ce-specversion", "1.0")
                .header("ce-id", name)
                .header("ce-source", "//java")
                .header("ce-type", given[1])
                .expectContinue(name.equals("asked"))
                .POST(HttpRequest.BodyPublishers.ofString("{\"text\": \"" + name.repeat(10000) + "\"}"))
                .build();
            System.out.println(client.send(request, BodyHandlers.ofString()).statusCode());
        }
    }
}
